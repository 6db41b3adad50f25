"""The page in a real browser: fixtures that open it, and checks that the tests of it share."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.program.running import Program

_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LEVEL_AA: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
#: The widths of an old telephone and of a desktop screen, in pixels.
NARROW: Final = 360
WIDE: Final = 1440

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open the page as a browser of its own; afterwards nothing may have failed, or have been asked for elsewhere."""
    contexts, faults, requests = [], [], list[Request]()

    def opened(
        program: Program,
        path: str = "/",
        *,
        width: int = WIDE,
        quiet: bool = True,
        clock: bool = False,
        **options: Any,
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **{"locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        if clock:
            page.clock.install()
        page.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - Playwright marks it
        page.on("pageerror", lambda error: faults.append(str(error)))
        if quiet:
            page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
        page.goto(f"http://127.0.0.1:{program.admin}{path}")
        return page

    yield opened
    assert faults == []
    hosts = {
        request.url.split("/")[2].rpartition(":")[0] for request in requests if not request.url.startswith("data:")
    }
    assert hosts <= {"127.0.0.1"}
    for context in contexts:
        context.close()


def is_accessible(page: Page) -> bool:
    """Have axe look for barriers; fail with its report if it finds any."""
    results = Axe().run(page, options=_LEVEL_AA)
    assert results.violations_count == 0, results.generate_report()
    return True


def fits(page: Page) -> bool:
    """Tell whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def tab_to(page: Page, key: str) -> None:
    """Press Tab until the element with this `data-key` has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.key") == key:
            return
    raise AssertionError(f"{key} can't be reached")
