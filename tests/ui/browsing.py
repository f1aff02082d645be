"""A real Chromium for tests: visitors of their own, whose console must stay silent; pictures under `artifacts/ui`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from ui.dashboard_process import CHROMIUM, FLAGS

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "ui"
CHART = "[data-testid=stVegaLiteChart] svg.marks"
# On any page but the root Streamlit's client looks for its server below the page's address first.
PROBES = re.compile(r"/[a-z]+/_stcore/(health|host-config)$")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; skips where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


class Visitors:
    """Each visit is a context of its own: another person, as far as the dashboard can tell."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: list[BrowserContext] = []
        self.errors: list[str] = []

    def visit(self, path: str, scheme: str = "light", width: int = 1440) -> Page:
        """Open an address below the dashboard's."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 1000},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: self.errors.append(error.stack or str(error)))
        page.on(
            "console",
            lambda message: (
                self.errors.append(f"{message.text} {message.location}")
                if message.type == "error" and not PROBES.search(message.location.get("url", ""))
                else None
            ),
        )
        page.goto(f"{self._url}{path}")
        return page

    def leave(self) -> None:
        for context in self._contexts:
            context.close()


@contextmanager
def visitors(browser: Browser, url: str) -> Iterator[Visitors]:
    """Visitors of the dashboard at `url`; any console error at all fails the test."""
    found = Visitors(browser, url)
    yield found
    found.leave()
    assert not found.errors, found.errors  # this is no module whose assertions pytest explains


def tile(page: Page, label: str) -> Locator:
    """The figure of that label."""
    return page.get_by_test_id("stMetric").filter(has_text=label).first


def click_cell(page: Page, row: int, across: int, *, row_height: int = 36, head: int = 34) -> None:
    """A click into the page's first table, which is one canvas: the row by its number, the column by pixels from the
    left.
    """
    grid = page.get_by_test_id("data-grid-canvas").first
    grid.wait_for()
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + across, box["y"] + head + row_height * (row + 0.5))


def keep(page: Page, name: str) -> None:
    """A picture of the whole page, once nothing is loading any more."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0)
    height = page.locator(".stMainBlockContainer").evaluate("node => node.scrollHeight")
    page.set_viewport_size({"width": (page.viewport_size or {"width": 1440})["width"], "height": height + 20})
    page.screenshot(path=str(ARTIFACTS / f"{name}.png"), animations="disabled")
