"""The dashboard in a real Chromium over the stub API. Screenshots stay under `artifacts/`."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from ui.browsing import CHART, keep, tile
from ui.stub_api import StubApi

pytestmark = pytest.mark.browser


def test_each_of_its_addresses_shows_the_overview(visit: Callable[..., Page], dashboard: tuple[StubApi, str]) -> None:
    stub, _ = dashboard
    runs = f"{stub.analytics({})['totals']['runs']:,}"
    for path in ("/", "/overview", "/analytics"):
        page = visit(path)
        expect(tile(page, "Runs")).to_contain_text(runs)
        expect(page.locator(CHART)).to_have_count(8)
        keep(page, f"overview{path.replace('/', '-').rstrip('-')}")


def test_a_filter_lands_in_the_address_and_the_address_in_another_browser(
    visit: Callable[..., Page], dashboard: tuple[StubApi, str]
) -> None:
    stub, url = dashboard
    page = visit("/")
    page.get_by_role("combobox", name="Agent").fill("qa-smoke")
    page.get_by_role("combobox", name="Agent").press("Enter")
    expect(page).to_have_url(re.compile(r"[?&]agent_id=qa-smoke"))
    runs = f"{stub.analytics({'agent_id': ['qa-smoke']})['totals']['runs']:,}"
    expect(tile(page, "Runs")).to_contain_text(runs)
    shown = tile(page, "Total cost").inner_text()
    other = visit(page.url.removeprefix(url))
    expect(tile(other, "Runs")).to_contain_text(runs)
    expect(tile(other, "Total cost")).to_have_text(shown, use_inner_text=True)
    # The open list of options hides the rest of the page from everybody else.
    page.keyboard.press("Escape")
    page.locator(".st-key-clear button:visible").first.click()
    expect(page).not_to_have_url(re.compile("agent_id="))


def test_dates_land_in_the_address(visit: Callable[..., Page], dashboard: tuple[StubApi, str]) -> None:
    stub, _ = dashboard
    fixed = re.compile(f"range=Custom&from={stub.today - timedelta(days=29)}&to={stub.today}")
    page = visit("/")
    page.get_by_text("Custom", exact=True).first.click()
    expect(page).to_have_url(fixed)
    page.get_by_text("7d", exact=True).first.click()
    expect(page).to_have_url(re.compile(r"\?range=7d$"))
    page = visit("/?range=Custom&dates=2020-01-01&dates=2020-01-10")
    page.locator(".st-key-newest-days button:visible").first.click()
    expect(page).to_have_url(fixed)


def test_a_filter_keeps_the_charts_on_the_page(visit: Callable[..., Page]) -> None:
    page = visit("/")
    chart = page.locator(f".st-key-card-runs {CHART}").first
    chart.wait_for(state="attached")
    chart.evaluate("node => { node.dataset.seen = 'yes' }")
    page.get_by_role("combobox", name="Workspace").fill("globex")
    page.get_by_role("combobox", name="Workspace").press("Enter")
    expect(page).to_have_url(re.compile("workspace_id=globex"))
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    assert chart.evaluate("node => node.dataset.seen") == "yes"


def test_an_old_link_opens_under_the_present_names(visit: Callable[..., Page], dashboard: tuple[StubApi, str]) -> None:
    stub, _ = dashboard
    page = visit("/analytics?range=7d&workspace=globex&agent=etl-guard&tz=Europe%2FBerlin")
    expect(page).to_have_url(re.compile("agent_id=etl-guard"))
    expect(page).to_have_url(re.compile("workspace_id=globex"))
    expect(page).not_to_have_url(re.compile("[?&](agent|workspace|tz)="))
    first = (stub.today - timedelta(days=6)).isoformat()
    query = {"agent_id": ["etl-guard"], "from": [first], "to": [stub.today.isoformat()]}
    expect(tile(page, "Runs")).to_contain_text(f"{stub.analytics(query)['totals']['runs']:,}")


def test_filters_stay_from_page_to_page(visit: Callable[..., Page]) -> None:
    page = visit("/?range=7d&model=gpt-5")
    expect(page.locator(CHART)).to_have_count(8)
    page.get_by_role("link", name="Efficiency").click()
    expect(page.get_by_role("heading", name="Efficiency")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/efficiency\?.*model=gpt-5"))
    expect(page).to_have_url(re.compile("range=7d"))
    expect(page.locator(CHART)).to_have_count(4)
    keep(page, "efficiency")


def test_a_click_before_the_first_answer_loses_no_filter(
    visit: Callable[..., Page], dashboard: tuple[StubApi, str]
) -> None:
    stub, _ = dashboard
    stub.may_answer.clear()
    try:
        # A range that no other test asks for: its names are not known yet.
        page = visit("/?range=90d&workspace_id=acme&model=gpt-5-mini")
        expect(page.get_by_role("radio", name="90d")).to_be_checked()
        page.get_by_role("link", name="Efficiency").click()
        expect(page.get_by_role("heading", name="Efficiency")).to_be_visible()
    finally:
        stub.may_answer.set()
    expect(tile(page, "LLM calls")).to_be_visible()
    for kept in ("range=90d", "workspace_id=acme", "model=gpt-5-mini"):
        expect(page).to_have_url(re.compile(kept))


@pytest.mark.parametrize("moments_ms", [0, 60, 150])
def test_a_click_before_the_browser_has_the_filters_loses_none(visit: Callable[..., Page], moments_ms: int) -> None:
    whole = "range=90d&compare=no+comparison&timezone=Europe%2FBerlin&workspace_id=acme&model=gpt-5-mini&root_only=true"
    known = visit(f"/efficiency?{whole}")
    expect(tile(known, "LLM calls")).to_be_visible()
    shown = tile(known, "LLM calls").inner_text()
    page = visit(f"/?{whole}")
    page.get_by_role("link", name="Efficiency").wait_for()
    page.wait_for_timeout(moments_ms)
    page.get_by_role("link", name="Efficiency").click()
    expect(page.get_by_role("heading", name="Efficiency")).to_be_visible()
    for kept in whole.split("&"):
        expect(page).to_have_url(re.compile(rf"/efficiency\?.*{re.escape(kept)}"))
    expect(tile(page, "LLM calls")).to_have_text(shown, use_inner_text=True)
    expect(page.locator("[data-testid=stMultiSelect] [data-tag]")).to_have_count(2)


def test_going_back_goes_back_to_the_filters_of_then(
    visit: Callable[..., Page], dashboard: tuple[StubApi, str]
) -> None:
    stub, _ = dashboard
    page = visit("/")
    expect(tile(page, "Runs")).to_be_visible()
    page.get_by_role("link", name="Efficiency").click()
    expect(page.get_by_role("heading", name="Efficiency")).to_be_visible()
    page.get_by_role("combobox", name="Workspace").fill("globex")
    page.get_by_role("combobox", name="Workspace").press("Enter")
    expect(page).to_have_url(re.compile("workspace_id=globex"))
    page.keyboard.press("Escape")  # the open list hides the rest of the page from everybody else
    page.go_back()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(tile(page, "Runs")).to_contain_text(f"{stub.analytics({})['totals']['runs']:,}")
    expect(page).not_to_have_url(re.compile("workspace_id="))


def test_filters_that_are_clicked_fast_all_count(visit: Callable[..., Page]) -> None:
    page = visit("/")
    expect(page.locator(CHART)).to_have_count(8)
    for name, value in (("Workspace", "acme"), ("Model", "gpt-5-mini"), ("Status", "failed"), ("Agent", "doc-search")):
        page.get_by_role("combobox", name=name).fill(value)
        page.get_by_role("combobox", name=name).press("Enter")
        page.keyboard.press("Escape")
    page.get_by_role("link", name="Efficiency").click()
    expect(page.get_by_role("heading", name="Efficiency")).to_be_visible()
    for kept in ("workspace_id=acme", "model=gpt-5-mini", "status=failed", "agent_id=doc-search"):
        expect(page).to_have_url(re.compile(kept))


def test_a_click_on_a_bar_names_its_runs_and_narrows_to_them(visit: Callable[..., Page]) -> None:
    page = visit("/efficiency")
    bars = page.locator(".st-key-card-retries svg.marks .mark-rect path")
    bars.nth(3).wait_for()
    bars.nth(3).click()
    page.locator(".st-key-only-retries button:visible").click()
    expect(page).to_have_url(re.compile(r"range=Custom&from=(\d{4}-\d\d-\d\d)&to=\1"))


def test_a_click_on_a_bar_leads_to_the_runs_behind_it(visit: Callable[..., Page]) -> None:
    page = visit("/efficiency")
    bars = page.locator(".st-key-card-retries svg.marks .mark-rect path")
    bars.nth(3).wait_for()
    bars.nth(3).click()
    page.get_by_role("link", name="Open the runs behind it").click()
    expect(page).to_have_url(re.compile(r"/runs\?range=Custom&from=(\d{4}-\d\d-\d\d)&to=\1"))
    expect(page.locator(".st-key-count")).to_contain_text("newest first")


def test_bars_by_agent_lead_to_the_agents_runs(visit: Callable[..., Page], dashboard: tuple[StubApi, str]) -> None:
    stub, _ = dashboard
    page = visit("/")
    bar = page.locator(
        ".st-key-card-outcomes svg.marks .mark-rect path[aria-label*='▲ Failed'][aria-label*='Code review']"
    )
    bar.first.click(force=True)  # the group of marks that Vega draws around the bars lies over them
    days = {"from": [str(stub.today - timedelta(days=29))], "to": [str(stub.today)], "agent_id": ["code-review"]}
    counts = stub.analytics(days)["totals"]["status_counts"]
    runs = f"{counts['failed'] + counts['timed_out']:,} runs"
    page.get_by_role("link", name=f"Open the {runs} behind it").click()
    expect(page).to_have_url(re.compile(r"/runs\?.*agent_id=code-review&status=failed&status=timed_out"))
    expect(page.locator(".st-key-count")).to_contain_text(runs)
    page = visit("/")
    page.locator(".st-key-card-runs svg.marks path[aria-label*='Code review']").nth(4).click(force=True)
    expect(page.locator(".st-key-drill-runs")).to_contain_text("Code review")
    expect(page.locator(".st-key-drill-runs a")).to_have_attribute(
        "href", re.compile("workspace_id=.*agent_id=code-review")
    )


def test_cost_over_time_leads_to_the_runs_of_a_group_and_a_day(visit: Callable[..., Page]) -> None:
    page = visit("/cost?by=By+model")
    card = page.locator(".st-key-card-cost-over-time")
    card.locator("svg.marks path[aria-label*='gpt-5-mini']").nth(4).click(force=True)
    drill = page.locator(".st-key-drill-model-cost-over-time")
    expect(drill).to_contain_text("gpt-5-mini")
    drill.get_by_role("link", name="Open the runs behind it").click()
    expect(page).to_have_url(re.compile(r"/runs\?range=Custom&from=(\d{4}-\d\d-\d\d)&to=\1.*model=gpt-5-mini"))
    expect(page.locator(".st-key-count")).to_contain_text("newest first")


def test_a_drag_over_a_chart_is_the_new_range(visit: Callable[..., Page], dashboard: tuple[StubApi, str]) -> None:
    stub, _ = dashboard
    page = visit("/efficiency")
    bars = page.locator(".st-key-card-retries svg.marks .mark-rect path")
    bars.nth(10).scroll_into_view_if_needed()
    boxes = [bars.nth(place).bounding_box() for place in (5, 10)]  # the first is the brush
    assert boxes[0] is not None
    assert boxes[1] is not None
    height = boxes[0]["y"] + boxes[0]["height"] / 2
    page.mouse.move(boxes[0]["x"] + 4, height)
    page.mouse.down()
    page.mouse.move(boxes[1]["x"] + 4, height, steps=6)
    page.mouse.up()
    first = stub.today - timedelta(days=25)
    expect(page).to_have_url(re.compile(f"range=Custom&from={first}&to={first + timedelta(days=5)}"))


def test_a_part_can_be_taken_along_as_a_file(visit: Callable[..., Page]) -> None:
    page = visit("/efficiency")
    button = page.locator(".st-key-csv-models button:visible")
    with page.expect_download() as download:
        button.click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.startswith("model,other,runs,success_rate")
    assert "claude-haiku-4-5" in text


@pytest.mark.parametrize(("scheme", "background"), [("light", (255, 255, 255)), ("dark", (18, 22, 29))])
def test_the_picture_of_a_chart_has_its_themes_background(
    visit: Callable[..., Page], scheme: str, background: tuple[int, int, int]
) -> None:
    page = visit("/", scheme=scheme)
    page.locator(".st-key-card-runs svg.marks").hover()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as PNG: Runs over time").click()
    picture = Image.open(download.value.path())
    assert picture.width > 1000
    assert picture.convert("RGBA").getpixel((1, 1)) == (*background, 255)


def test_a_page_that_refreshes_says_when(visit: Callable[..., Page]) -> None:
    page = visit("/efficiency?refresh=every+30+s")
    expect(page.locator(".st-key-heading")).to_contain_text("every 30 s")


def test_dark_and_narrow(visit: Callable[..., Page]) -> None:
    dark = visit("/", scheme="dark")
    expect(tile(dark, "Runs")).to_be_visible()
    background = dark.locator(".stApp").evaluate("node => getComputedStyle(node).backgroundColor")
    assert background == "rgb(18, 22, 29)"
    keep(dark, "overview-dark")
    narrow = visit("/", width=420)
    expect(tile(narrow, "Tokens")).to_be_visible()
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 420
    keep(narrow, "overview-narrow")


def test_states_have_their_pictures(visit: Callable[..., Page], dashboard: tuple[StubApi, str]) -> None:
    stub, _ = dashboard
    page = visit("/?agent_id=qa-smoke&model=gpt-5")
    expect(page.get_by_text("No runs match")).to_be_visible()
    keep(page, "empty-filter")
    stub.failure = {"title": "The store is down", "status": 503, "detail": "Try again in a minute."}
    page = visit("/?agent_id=qa-smoke")
    expect(page.get_by_text("The store is down")).to_be_visible()
    expect(page).to_have_url(re.compile("agent_id=qa-smoke"))
    keep(page, "failing")
    stub.failure = None
    page.get_by_role("button", name="Retry").click()
    expect(tile(page, "Runs")).to_be_visible()
    cells, stub.cells = stub.cells, []
    page = visit("/")
    expect(page.get_by_text("No runs yet")).to_be_visible()
    keep(page, "empty-store")
    stub.cells = cells
