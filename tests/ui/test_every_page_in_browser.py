"""Each of the ten pages in a real Chromium: a silent console, names for all that is read aloud, nothing that moves."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect
from runtally_ui.navigation import ENTRIES, Entry
from ui.browsing import CHART, chromium, keep, visitors
from ui.dashboard_process import dashboard_over
from ui.fleet import fleet
from ui.stub_api import StubApi, serving

pytestmark = pytest.mark.browser
_DRAWN = ".st-key-notes, .st-key-count, .st-key-verdict"
_NAMELESS = """() => [...document.querySelectorAll('input, button, [role=combobox]')]
    .filter(node => node.offsetParent && !node.labels?.length && !node.textContent.trim()
        && !['aria-label', 'aria-labelledby', 'title', 'placeholder'].some(name => node.getAttribute(name)))
    .map(node => node.outerHTML.slice(0, 160))"""
_UNTOLD = """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
    .filter(node => !node.querySelector('[aria-label]')).length"""
# Captions under 4.5:1 against the page, with all that makes them fainter.
_FAINT = """() => {
    const rgb = text => {
        const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
        return text.startsWith('color') ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
    };
    const light = ([r, g, b]) => [r, g, b].map(x => x / 255)
        .map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
        .reduce((sum, x, place) => sum + x * [0.2126, 0.7152, 0.0722][place], 0);
    const page = rgb(getComputedStyle(document.querySelector('.stApp')).backgroundColor);
    const contrast = node => {
        let [r, g, b, share] = rgb(getComputedStyle(node).color);
        for (let up = node; up; up = up.parentElement) share *= Number(getComputedStyle(up).opacity);
        const shown = [r, g, b].map((x, place) => x * share + page[place] * (1 - share));
        const [less, more] = [light(shown), light(page)].sort((x, y) => x - y);
        return (more + 0.05) / (less + 0.05);
    };
    return [...document.querySelectorAll('[data-testid=stCaptionContainer] p')]
        .filter(node => contrast(node) < 4.5).map(node => `${contrast(node)} ${node.textContent}`);
}"""
# What a reader would see of a refresh, frame by frame: fading, skeletons, jumps.
_WATCH = """() => {
    const main = document.querySelector('[data-testid=stMain]');
    const seen = window.seen = {opacity: 1, skeletons: 0, tops: new Set(), heights: new Set()};
    const look = () => {
        if (seen.isOver) return;
        for (const node of document.querySelectorAll('.st-key-repeats [data-testid=stElementContainer]'))
            seen.opacity = Math.min(seen.opacity, Number(getComputedStyle(node).opacity));
        seen.skeletons += document.querySelectorAll('[data-testid=stSkeleton]').length;
        seen.tops.add(main.scrollTop);
        const card = document.querySelector('.st-key-card-live-runs');
        seen.heights.add(card ? card.getBoundingClientRect().height : 'gone');
        requestAnimationFrame(look);
    };
    look();
}"""
# From here on the page may change: the test goes on to what redraws it.
_SEEN = """() => {
    window.seen.isOver = true;
    return {...window.seen, tops: [...window.seen.tops], heights: [...window.seen.heights]};
}"""


@pytest.fixture(scope="module")
def dashboard() -> Iterator[str]:
    """The address of a Streamlit process over the stub."""
    today = datetime.now(UTC).date()
    with serving(StubApi(fleet(today), today)) as api_url, dashboard_over(api_url) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def visit(dashboard: str, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address as a new visitor; any console error at all fails the test."""
    with visitors(browser, dashboard) as found:
        yield found.visit


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.path)
def test_a_page_is_silent_named_and_as_wide_as_its_window(visit: Callable[..., Page], entry: Entry) -> None:
    page = visit("/" if entry.is_default else f"/{entry.path}", scheme="dark", width=400)
    expect(page.get_by_role("heading", name=entry.title, exact=True)).to_be_visible()
    expect(page.locator(_DRAWN).first).to_be_attached()
    keep(page, f"{entry.path}-dark-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate(_NAMELESS) == []
    assert page.evaluate(_UNTOLD) == 0
    assert page.evaluate(_FAINT) == []


def test_live_refreshes_without_a_flicker_and_can_be_paused(visit: Callable[..., Page]) -> None:
    page = visit("/live")
    chart = page.locator(f".st-key-card-live-runs {CHART}")
    chart.wait_for(state="attached")
    told = page.locator(".st-key-heading [data-testid=stCaptionContainer]")
    expect(told).to_contain_text("every 5 s")
    assert page.evaluate(_FAINT) == []
    main = page.get_by_test_id("stMain")
    main.evaluate("node => { node.scrollTop = 240 }")
    chart.evaluate("node => { node.dataset.seen = 'yes' }")
    before = told.inner_text()
    expect(told).not_to_have_text(before)  # what settles after the first drawing is no flicker
    top = main.evaluate("node => node.scrollTop")
    page.evaluate(_WATCH)
    for _ in range(2):
        expect(told).not_to_have_text(told.inner_text())
    seen = page.evaluate(_SEEN)
    assert (seen["opacity"], seen["skeletons"], seen["tops"], len(seen["heights"])) == (1, 0, [top], 1)
    assert chart.evaluate("node => node.dataset.seen") == "yes"
    page.get_by_text("Refresh every 5 s").click()
    expect(told).not_to_contain_text("every 5 s")
