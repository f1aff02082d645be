"""Fields, switches and forms in a real Chromium over the stub API."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from ui.browsing import CHART, keep, tile
from ui.stub_api import StubApi

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
Dashboard = tuple[StubApi, str]
TAGS = "[data-testid=stMultiSelect]:visible [data-tag]"


def pick(page: Page, field: str, text: str) -> None:
    """By the keyboard, as somebody does who knows what to look for."""
    page.get_by_role("combobox", name=field).fill(text)
    page.get_by_role("combobox", name=field).press("Enter")


def runs_of(stub: StubApi, *agents: str) -> str:
    return f"{stub.analytics({'agent_id': list(agents)})['totals']['runs']:,}"


def test_who_picks_an_agents_name_hands_its_id_on(visit: Visit, dashboard: Dashboard) -> None:
    stub, url = dashboard
    page = visit("/")
    expect(tile(page, "Runs")).to_be_visible()
    pick(page, "Agent", "Onboarding guide")
    expect(page).to_have_url(re.compile(r"[?&]agent_id=onboarding$"))
    expect(tile(page, "Runs")).to_contain_text(runs_of(stub, "onboarding"))
    page.keyboard.press("Escape")
    expect(page.locator(TAGS)).to_have_text(["Onboarding guide · onboarding"])
    page.get_by_role("link", name="Efficiency").click()
    expect(page).to_have_url(re.compile(r"/efficiency\?agent_id=onboarding"))
    expect(page.locator(TAGS)).to_have_text(["Onboarding guide · onboarding"])
    other = visit(page.url.removeprefix(url))
    expect(other.locator(TAGS)).to_have_text(["Onboarding guide · onboarding"])
    keep(other, "agent-by-name")
    page.go_back()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.locator(".st-key-clear button:visible").first.click()
    expect(page).not_to_have_url(re.compile("agent_id="))
    expect(page.locator(TAGS)).to_have_count(0)


def test_agents_that_are_picked_fast_all_count(visit: Visit, dashboard: Dashboard) -> None:
    stub, _ = dashboard
    page = visit("/")
    expect(page.locator(CHART)).to_have_count(8)
    for name in ("Doc search", "QA smoke", "ETL guard"):
        pick(page, "Agent", name)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Agents").click()
    expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    expect(page).to_have_url(re.compile("agent_id=doc-search&agent_id=qa-smoke&agent_id=etl-guard"))
    expect(page.locator(".st-key-count")).to_contain_text(
        f"{runs_of(stub, 'doc-search', 'qa-smoke', 'etl-guard')} runs"
    )
    expect(page.locator(TAGS).first).to_have_text("Doc search · doc-search")


def test_the_mean_and_the_points_beyond_two_sigma_are_switched_on(visit: Visit) -> None:
    page = visit("/")
    for card in ("runs", "cost", "success"):
        where = page.locator(f".st-key-card-{card}")
        expect(where.locator(CHART)).to_have_count(1)
        before = where.locator(f"{CHART} .mark-line path").count()
        where.get_by_text("7-day mean").click()
        expect(where.locator(f"{CHART} .mark-line path")).to_have_count(before + 1)
        where.get_by_text("Beyond 2σ").click()
        expect(page.locator("[data-stale=true]")).to_have_count(0)
        expect(where.locator(f"{CHART} .mark-line path")).to_have_count(before + 1)
    keep(page, "overview-switches")


def test_a_point_of_the_cumulative_cost_leads_to_the_days_runs(visit: Visit) -> None:
    page = visit("/?range=7d")
    chart = page.locator(f".st-key-card-cost {CHART}")
    across(page, chart, 0.5, 0.5)
    expect(page.locator(".st-key-drill-cost")).to_contain_text("Wed 18 Nov 2026")
    page.locator(".st-key-drill-cost").get_by_role("link", name="Open the runs behind it").click()
    expect(page).to_have_url(re.compile(r"/runs\?range=Custom&from=2026-11-18&to=2026-11-18"))
    page = visit("/?range=7d")
    across(page, page.locator(f".st-key-card-cost {CHART}"), 0.3, 0.7)
    expect(page).to_have_url(re.compile(r"range=Custom&from=2026-11-1[67]&to=2026-11-(19|20)"))


def across(page: Page, chart: Locator, start: float, end: float) -> None:
    """Press the mouse at one part of the chart's width and let it go at another."""
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    height = box["y"] + box["height"] * 0.7
    page.mouse.move(box["x"] + box["width"] * start, height)
    page.mouse.down()
    if start != end:
        page.mouse.move(box["x"] + box["width"] * end, height, steps=6)
    page.mouse.up()


def test_the_form_of_more_fields_narrows_the_runs(visit: Visit, dashboard: Dashboard) -> None:
    page = visit("/runs")
    expect(page.locator(".st-key-count")).to_contain_text("newest first")
    page.get_by_role("button", name="More fields").click()
    page.get_by_role("textbox", name="Version").fill("1.9, 2.0")
    page.get_by_role("combobox", name="Errors", exact=True).fill("With an")
    page.get_by_role("combobox", name="Errors", exact=True).press("Enter")
    pick(page, "Weekdays", "Tuesday")
    page.keyboard.press("Escape")
    if not page.get_by_role("button", name="Show these runs").is_visible():
        page.get_by_role("button", name="More fields").click()
    keep(page, "more-fields")
    page.get_by_role("button", name="Show these runs").click()
    for named in ("agent_version=1.9&agent_version=2.0", "has_error=true", "weekday=2"):
        expect(page).to_have_url(re.compile(re.escape(named)))
    for chip in ("agent_version", "has_error", "weekday"):
        expect(page.locator(f".st-key-chip-{chip}")).to_be_visible()
    asked = [query for path, query in dashboard[0].asked if path == "/api/v1/runs"][-1]
    assert (asked["agent_version"], asked["weekday"], asked["has_error"]) == (["1.9", "2.0"], ["2"], ["true"])
    page.locator(".st-key-chip-weekday button:visible").first.click()
    expect(page).not_to_have_url(re.compile("weekday="))
    expect(page.locator(".st-key-chip-has_error")).to_be_visible()
