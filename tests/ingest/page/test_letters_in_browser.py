"""Dead letters in a real browser: opened, filtered and replayed, by keyboard; nothing in them runs."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from playwright.sync_api import expect

from sinks.journal.writer import Journal
from tests.factories import make_letter
from tests.ingest.page.browsing import NARROW, Open, fits, is_accessible, tab_to
from tests.program.running import Program

#: A callback of CloudSMS that can be read.
_READABLE: Final = (
    b'{"METHOD":"SMS_PUSH_REPORT","TYPE":"REQUEST","SERIAL":2,"TIME":"2026-11-20 12:00:00","SMS_UID":"u-1",'
    b'"SOURCE_MSISDN":"CloudSMS","SMS_RESULT_LIST":[{"COUNTRY_CODE":44,"DEST_MSISDN":"7400123456","SMS_STATE":2,'
    b'"RESULT_DESC":"DELIVERED"}]}'
)


def test_a_dead_letter_is_opened_and_closed_by_keyboard(program: Program, open_page: Open) -> None:
    """Tab and Enter open a dead letter, and Escape closes it; the focus returns to its button."""
    page = open_page(program)
    page.locator("tbody tr").first.wait_for()
    tab_to(page, "letters juhe/default")
    page.keyboard.press("Enter")
    expect(page.locator("#view-title")).to_be_focused()
    opener = page.locator("button[data-key^='letter ']").first.get_attribute("data-key") or ""
    tab_to(page, opener)
    page.keyboard.press("Enter")
    expect(page.locator("dialog#letter pre").first).to_be_visible()
    expect(page.locator("dialog#letter button").first).to_be_focused()
    assert is_accessible(page)
    page.keyboard.press("Escape")
    expect(page.locator("dialog#letter")).to_be_hidden()
    expect(page.locator(f"[data-key='{opener}']")).to_be_focused()


def test_a_hostile_dead_letter_does_nothing(program: Program, open_page: Open) -> None:
    """Posted text is shown as text: it is not run, and its direction marks have no effect."""
    page = open_page(program, "/?view=letters&account=juhe/default")
    page.locator("tr", has_text="not_json").locator("button").click()
    body = page.locator("dialog#letter pre").first
    expect(body).to_contain_text("<script>document.title='owned'</script><img src=x")
    expect(body).to_contain_text("\\u202e+•• •••• ••••56")
    assert page.locator("dialog img, dialog script").count() == 0
    assert "owned" not in page.title()


def _add_letters(program: Program, *bodies: bytes) -> None:
    """Have the store take callbacks of CloudSMS that the parser of an earlier version could not read."""
    letters = [make_letter(provider="cloudsms", body=body, received_at=datetime.now(UTC)) for body in bodies]

    async def append() -> None:
        journal = Journal(program.folder / "dlrhub-data" / "journal" / "earlier")
        await journal.append(letters)
        await journal.close()

    with ThreadPoolExecutor(1) as beside:  # Playwright has a loop in this thread
        beside.submit(asyncio.run, append()).result()


def _wait_for_replayed(program: Program) -> None:
    """Wait until the store has the one report of a replay."""
    deadline = time.monotonic() + 30
    while program.ask("SELECT count() AS n FROM reports WHERE source = 'replay'")[0]["n"] != 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_dead_letters_are_filtered_and_replayed_by_keyboard(program: Program, open_page: Open) -> None:
    """Letters are filtered by account and why, and replayed: some are resolved, the others say what is wrong today."""
    _add_letters(program, _READABLE, b"{}")
    page = open_page(program, "/?view=letters", width=NARROW)
    page.locator("tr", has_text="parser_error").nth(1).wait_for(timeout=30_000)
    page.get_by_label("Account", exact=True).select_option("cloudsms/default")
    page.get_by_label("Why", exact=True).select_option("parser_error")
    page.get_by_role("button", name="Filter").press("Enter")
    expect(page.locator("#view-title")).to_be_focused()
    expect(page.locator("#view-title")).to_have_text("Dead letters of cloudsms/default: parser_error")
    expect(page.locator("tbody tr")).to_have_count(2)
    tab_to(page, "Replay all that match")
    page.keyboard.press("Enter")
    expect(page.locator("#view .buttons")).to_contain_text("1 letter resolved, 1 still can't be read.")
    expect(page.locator("[data-key='Replay all that match']")).to_be_focused()
    expect(page.locator("tr", has_text="Resolved: 1 report")).to_have_count(1)
    unread = page.locator("tr", has_text="Not resolved. Latest replay: missing_field at $")
    assert fits(page)
    assert is_accessible(page)
    unread.get_by_role("button").click()
    page.get_by_role("button", name="Replay this letter").press("Enter")
    expect(page.locator("dialog#letter .buttons")).to_contain_text("Not resolved. Latest replay: missing_field at $")
    assert is_accessible(page)
    _wait_for_replayed(program)
