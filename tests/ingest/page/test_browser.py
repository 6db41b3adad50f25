"""The page in a real browser: what a person sees, by pointer, keyboard and screen reader, in either colour scheme."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
import pytest
from playwright.sync_api import Route, expect

from tests.ingest.page.browsing import NARROW, WIDE, Open, fits, is_accessible, tab_to
from tests.ingest.page.conftest import NUMBERS
from tests.program.running import Program

_VERDICT: Final = "#verdict-words"


@pytest.mark.parametrize(("scheme", "width"), [("dark", NARROW), ("light", WIDE)])
def test_who_fails_and_why_is_said_first(
    program: Program, open_page: Open, tmp_path: Path, scheme: str, width: int
) -> None:
    """The verdict names the account that fails, how much, and why; every view fits its window and passes axe."""
    page = open_page(program, color_scheme=scheme, width=width)
    expect(page.locator(_VERDICT)).to_contain_text(
        "juhe/default: 54% of 1,300 final reports failed in the last 15 minutes (54% in the last hour), mostly blocklisted (100%; code MA:0001)."
    )
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("Failing")
    expect(first).to_contain_text("juhe/default")
    assert "juhe/default: 54%" in page.title()
    assert fits(page)
    assert is_accessible(page)
    assert page.screenshot(path=tmp_path / "accounts.png", full_page=True)
    for path in ("/?view=account&account=juhe/default", "/?view=letters", "/?view=program"):
        page.goto(f"http://127.0.0.1:{program.admin}{path}")
        page.locator("#view h2").wait_for()
        assert fits(page), path
        assert is_accessible(page)


def test_an_account_is_reached_by_keyboard(program: Program, open_page: Open) -> None:
    """Tab and Enter open an account and put the focus on its title; its plots have a summary in words."""
    page = open_page(program)
    page.locator("tbody tr").first.wait_for()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    tab_to(page, "account juhe/default")
    page.keyboard.press("Enter")
    expect(page.locator("#view-title")).to_be_focused()
    expect(page.locator("#view-title")).to_have_text("juhe/default")
    expect(page.locator(".summary").first).to_contain_text("1,312 reports: 600 delivered, 700 failed, 12 not final.")
    expect(page.locator(".plot canvas")).to_have_count(2)


def test_it_asks_again_and_leaves_the_reader_alone(program: Program, open_page: Open) -> None:
    """The page updates every ten seconds and keeps focus and scroll position; updates can be paused."""
    page = open_page(program, width=NARROW, clock=True)
    santo = page.locator("[data-key='account santo/default']")
    santo.focus()
    page.evaluate("scrollTo(0, 100)")
    row = santo.element_handle()
    with page.expect_response("**/api/overview*"):
        page.clock.fast_forward(11_000)
    page.wait_for_function("row => !row.isConnected", arg=row)
    expect(santo).to_be_focused()
    assert page.evaluate("scrollY") == 100
    pause = page.locator("#pause")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    asked = list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(60_000)
    assert asked == []
    with page.expect_response("**/api/overview*"):
        pause.click()


def test_who_comes_back_is_where_they_left(program: Program, open_page: Open) -> None:
    """Back from an account, by link or by the browser's button, the focus is on that account."""
    page = open_page(program)
    santo = page.locator("[data-key='account santo/default']")
    for go_back in (page.locator("[data-key=back]").click, page.go_back):
        santo.click()
        expect(page.locator("#view-title")).to_be_focused()
        go_back()
        expect(santo).to_be_focused()


def test_a_store_that_goes_away_takes_no_numbers_along(program: Program, open_page: Open) -> None:
    """If the store stops answering, the page says so, and keeps the numbers that it had."""
    page = open_page(program)
    expect(page.locator(_VERDICT)).to_contain_text("juhe/default: 54%")

    def without_store(route: Route) -> None:
        data = route.fetch().json()
        store = {"state": "away", "said": "the store can't be reached"}
        route.fulfill(json={**data, "store": store, "accounts": [{"provider": "cm", "account": "default"}]})

    page.route("**/api/overview*", without_store)
    for _ in range(2):
        page.locator("#pause").click()
    expect(page.locator(_VERDICT)).to_contain_text("The store does not answer (the store can't be reached)")
    expect(page.locator("#strip")).to_contain_text("The accounts are as of")
    expect(page.locator("tbody tr").first).to_contain_text("juhe/default")
    page.reload()
    expect(page.locator(_VERDICT)).to_contain_text("The store does not answer")
    expect(page.locator("tbody tr").first).to_contain_text("cm/default")
    assert is_accessible(page)


def test_no_number_is_shown(program: Program, open_page: Open) -> None:
    """No number is shown in full in the view of an account or in a dead letter."""
    page = open_page(program, "/?view=account&account=juhe/default")
    page.locator("table", has_text="The latest failures").wait_for()
    seen = page.content()
    page.goto(f"http://127.0.0.1:{program.admin}/?view=letters")
    page.locator("tbody tr").first.wait_for()
    for button in page.locator("tbody button").all():
        button.click()
        page.locator("dialog#letter pre").first.wait_for()
        seen += page.content()
        page.keyboard.press("Escape")
    assert "+86•••••••••" in seen
    for number in NUMBERS:
        assert number not in seen


def test_numbers_are_the_readers_own_and_times_are_in_utc(program: Program, open_page: Open) -> None:
    """A German browser in Tokyo shows German numbers; times are in UTC on a 24-hour clock, as in the store."""
    page = open_page(program, locale="de-DE", timezone_id="Asia/Tokyo")
    expect(page.locator(_VERDICT)).to_contain_text("54\u00a0% of 1.300 final reports")
    at = page.locator("#as-of").text_content() or ""
    shown = datetime.strptime(at, "As of %H:%M:%S UTC").replace(tzinfo=UTC)
    now = datetime.now(UTC)
    assert min((now - shown).seconds, (shown - now).seconds) % 86_400 < 300


def test_the_widest_row_fits_a_small_screen(program: Program, open_page: Open) -> None:
    """At 1280 pixels no table is cut, not even with the longest name, three troubles and large numbers in a row."""
    page = open_page(program, path="/?view=program", width=1280)
    page.route("**/api/overview*", _with_wide_rows)
    page.goto(f"http://127.0.0.1:{program.admin}/")
    page.get_by_text("123,456,789", exact=True).wait_for()
    assert fits(page)
    cut = "[...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth).length"
    assert page.evaluate(cut) == 0


def _with_wide_rows(route: Route) -> None:
    data = route.fetch().json()
    first = data["accounts"][0]
    first.update(
        account="a" * 30 + "-marketing-europe",
        also=["silent", "unreadable", "unmapped"],
        reports=123_456_789,
        failures_before=first["finals_before"] * 0.9,
        delays=[86_399, 864_000],
        unmapped=12_345_678,
        dead_letters=12_345_678,
    )
    first["reasons"] = [{"reason": "insufficient_subscriber_credit", "failures": 1, "code": ""}] * 3
    route.fulfill(json=data)


def test_a_telephone_shows_the_first_rows_and_the_rest_on_demand(program: Program, open_page: Open) -> None:
    """On a telephone a row is a small card, a long table shows its first six, and a button shows them all."""
    page = open_page(program, "/?view=account&account=juhe/default", width=390)
    rows = page.locator("table", has_text="The latest failures").locator("tbody tr")
    expect(rows.first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollHeight") < 3600
    assert sum(row.is_visible() for row in rows.all()) == 6
    page.get_by_role("button", name="Show all 20 rows").click()
    assert sum(row.is_visible() for row in rows.all()) == 20


def test_the_address_says_what_is_shown(program: Program, open_page: Open) -> None:
    """Range and view are in the address, so they can be shared, and the back button leads back."""
    page = open_page(program, "/?range=7d")
    expect(page.locator(_VERDICT)).to_contain_text("in the last 7 days")
    page.locator("[data-key='range 15m']").click()
    expect(page.locator(_VERDICT)).to_contain_text("in the last 15 minutes, mostly")
    assert page.url.endswith("/?range=15m")
    page.locator("[data-key='account juhe/default']").click()
    expect(page.locator("#view-title")).to_have_text("juhe/default")
    assert page.url.endswith("/?range=15m&view=account&account=juhe%2Fdefault")
    page.reload()
    expect(page.locator("#view-title")).to_have_text("juhe/default")
    page.go_back()
    page.locator("table.accounts").wait_for()
    page.go_back()
    expect(page.locator(_VERDICT)).to_contain_text("in the last 7 days")
    expect(page.locator("[data-key='range 7d']")).to_have_attribute("aria-current", "true")


def test_a_message_is_found_by_its_number(program: Program, open_page: Open) -> None:
    """A number in any spelling finds its message, what its code means and what to do next; the address has none."""
    page = open_page(program, "/?view=find", width=NARROW)
    field = page.get_by_label("Number (any spelling)")
    field.fill("0086 138 0013 8007")
    field.press("Enter")
    article = page.locator("article", has_text="blocklist")
    expect(article).to_contain_text("Next: don't send to this number again: it is on a blocklist")
    expect(article).to_contain_text("“全局黑名单号码”")
    expect(article).to_contain_text("Sending again does not help.")
    expect(article).to_contain_text("Source: the provider's document.")
    article.get_by_text("As the provider sent them").click()
    expect(article.locator("pre").first).to_contain_text('"stat":"MA:0001"')
    assert "8007" not in page.url
    assert NUMBERS[0] not in page.content()
    assert fits(page)
    assert is_accessible(page)


def test_a_failure_leads_to_its_message(program: Program, open_page: Open) -> None:
    """From the latest failures of an account a click leads to the message, and from there back."""
    page = open_page(program, "/?view=account&account=juhe/default")
    page.locator("table", has_text="The latest failures").locator("tbody a").first.click()
    expect(page.locator("#view-title")).to_be_focused()
    expect(page.locator("article")).to_contain_text("on a blocklist")
    assert is_accessible(page)
    page.reload()
    expect(page.locator("article")).to_contain_text("on a blocklist")
    page.go_back()
    expect(page.locator("#view-title")).to_have_text("juhe/default")


def test_a_code_opens_to_its_meaning(program: Program, open_page: Open) -> None:
    """A code of an account's failures opens by keyboard to its meaning, and stays open while the page asks again."""
    page = open_page(program, "/?view=account&account=juhe/default")
    code = page.locator("details.code").first
    code.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(code).to_contain_text("“全局黑名单号码”")
    expect(code).to_contain_text("Sending again does not help.")
    for _ in range(2):
        page.locator("#pause").click()
    page.wait_for_load_state("networkidle")
    expect(page.locator("details.code").first.locator(".meaning")).to_be_visible()
    assert is_accessible(page)


def test_messages_that_nothing_tells_apart_are_told(program: Program, open_page: Open) -> None:
    """An account whose reports name no message says so, and what to have the provider send."""
    page = open_page(program, "/?view=program")

    def alike(route: Route) -> None:
        data = route.fetch().json()
        data["accounts"][0]["alike"] = 7
        route.fulfill(json=data)

    page.route("**/api/overview*", alike)
    page.goto(f"http://127.0.0.1:{program.admin}/?view=account&account=juhe/default")
    expect(page.locator(".head .strip")).to_contain_text("7 reports had neither the reference nor the time")
    expect(page.locator(".head .status").first).to_have_text("✕Failing")


def test_a_saved_question_is_answered_with_a_click(program: Program, open_page: Open) -> None:
    """A question is one click away; its answer is a table and a plot, downloads as CSV, and has its SQL beside it."""
    page = open_page(program, "/?range=24h")
    page.get_by_role("link", name="Questions").click()
    page.get_by_role("link", name="Why do messages fail, week by week?").click()
    expect(page.locator("#view-title")).to_be_focused()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr").first).to_contain_text("blocklisted")
    expect(page.locator("figure canvas")).to_have_count(1)
    page.get_by_text("The SQL to take along").click()
    expect(page.locator("details pre")).to_contain_text("AS since")
    assert fits(page)
    assert is_accessible(page)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download CSV").click()
    header, row, end = downloading.value.path().read_bytes().decode().split("\r\n")
    assert header == "week,provider,reason,failed,share"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d,juhe,blocklisted,700,0\.5\d+", row)
    assert end == ""
    page.go_back()
    expect(page.locator("#view-title")).to_have_text("Questions")


def test_countries_are_plotted_as_bars(program: Program, open_page: Open) -> None:
    """An answer without a time has bars, which say what the table says."""
    page = open_page(program, "/?range=24h&view=questions&item=delivery_rate", width=NARROW)
    expect(page.locator(".bars li").first).to_contain_text("CN")
    assert fits(page)
    assert is_accessible(page)


def test_a_token_is_asked_for_and_many_accounts_fit(open_page: Open, tmp_path: Path) -> None:
    """With a token the page asks for it, keeps it, and takes no wrong one; two hundred silent accounts are shown."""
    accounts = [{"provider": "cm", "name": f"account-{index}", "open": True} for index in range(200)]
    settings = {"DLRHUB_ADMIN__TOKEN": "t0ken", "DLRHUB_ACCOUNTS": orjson.dumps(accounts).decode()}
    with Program(tmp_path, settings=settings) as program:
        page = open_page(program, quiet=False)
        field = page.get_by_label("Admin token")
        field.fill("wrong")
        field.press("Enter")
        expect(page.locator("#strip")).to_contain_text("The token was not right.")
        assert is_accessible(page)
        field.fill("t0ken")
        field.press("Enter")
        expect(page.locator(_VERDICT)).to_contain_text("No reports in the last hour.")
        expect(page.locator(".empty")).to_contain_text("dlrhub simulate")
        expect(page.locator(".empty")).not_to_contain_text("curl")
        expect(page.locator("tbody tr")).to_have_count(50)
        page.get_by_role("button", name="Show 150 more").click()
        expect(page.locator("tbody tr")).to_have_count(200)
        page.reload()
        expect(page.locator(_VERDICT)).to_contain_text("No reports in the last hour.")
        program.kill()
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Pause").click()
        expect(page.locator("#strip")).to_contain_text("dlrhub does not answer. What is shown is of")
        expect(page.locator("tbody tr")).to_have_count(50)
