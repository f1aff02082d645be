"""The dashboard over a whole local stack, in a real browser: what it shows is what the API says, and links hold."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from integration.answers import post, totals_until
from integration.stacks import RunningStack, local_stack
from playwright.sync_api import Browser, Page, expect
from runtally_ui import formats
from runtally_ui.views.overview import TILES
from ui.browsing import chromium, click_cell, keep, tile, visitors

pytestmark = pytest.mark.browser

ODD = "a/b 100% ..🤖"
AGENTS = {"planner": ("acme", "Planner", 9), ODD: ("acme", "Odd one", 6), "reader": ("beta", "Reader", 4)}
DAYS = 62
LATE = 28
"""As many days are the newer half, of which the older differs in every figure."""
LEAVING = (5, 28, 58)
"""The days, before yesterday, that leave the last 7 days, the last 30 and the 30 before when midnight passes. They have
no runs, so that a figure asked for before midnight and one after are the same.
"""
RATED = 5
MESSAGE = "The tool did not answer. " * 30
LABELS = {
    "runs": "Runs", "success_rate": "Success rate", "cost_usd": "Total cost", "cost_per_run_usd": "Cost per run",
    "total_tokens": "Tokens", "avg_duration_ms": "Mean duration",
}  # fmt: skip
FORMS = {"success_rate": "share", "cost_usd": "money", "cost_per_run_usd": "money", "avg_duration_ms": "duration"}


def published(newest: datetime) -> list[dict[str, Any]]:
    """Runs of three agents over the days until `newest`, every seventh or fourth a failure, every ninth of no cost."""
    runs = []
    for age in sorted(set(range(DAYS)).difference(LEAVING)):
        for place, (agent_id, (workspace, name, often)) in enumerate(AGENTS.items()):
            # More of late and fewer failures, so that every figure has changed.
            for number in range(often + (age < LATE)):
                started = newest - timedelta(days=age, minutes=7 * number + place)
                failed, odd = (age + number) % (7 if age < LATE else 4) == 0, age * 31 + number * 7 + place
                runs.append({
                    "run_id": f"{agent_id}-{age}-{number}", "workspace_id": workspace, "agent_id": agent_id,
                    "agent_name": name, "status": "failed" if failed else "succeeded",
                    "error_type": "Timeout" if failed else "", "error_category": "timeout" if failed else "",
                    "error_severity": "error" if failed else "", "error_message": MESSAGE if failed else "",
                    "agent_version": "2.0" if age < 4 else "1.9", "started_at": started.isoformat(),
                    "updated_at": (started + timedelta(seconds=9)).isoformat(), "duration_ms": 400 + odd % 997 * 13,
                    "input_tokens": 1000 + odd, "output_tokens": 10 + odd % 7, "model": ("m-large", "m-small")[odd % 2],
                    "cost_usd": None if odd % 9 == 0 else f"0.00{1 + odd % 89}", "user_id": f"user-{odd % 5}",
                    "session_id": f"{agent_id}-{age}", "parent_run_id": f"{agent_id}-{age}-0" if number == 3 else "",
                })  # fmt: skip
    return runs


def ratings() -> list[dict[str, Any]]:
    """What users said of the planner's runs: five stars of some, one of another."""
    given = [(f"planner-{age}-0", 5) for age in range(RATED)] + [("planner-0-1", 1)]
    return [
        {"feedback_id": f"of-{run_id}", "workspace_id": "acme", "run_id": run_id, "agent_id": "planner",
         "user_id": "user-1", "rating": rating, "created_at": datetime.now(UTC).isoformat()}
        for run_id, rating in given
    ]  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    folder: Path = tmp_path_factory.mktemp("dashboard")
    with local_stack(folder) as stack:
        # Of yesterday at noon, at whatever hour this runs: the figures are the same at each.
        noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        runs = published(noon - timedelta(days=1))
        with stack.client() as client:
            post(client, runs)
            said = client.post("/api/v1/feedback", json=ratings(), headers={"Prefer": "wait=20"})
            assert said.json()["queryable"], said.text
            totals_until(client, len(runs), **{"from": "-70d"})
        yield stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def visit(running: RunningStack, browser: Browser) -> Iterator[Callable[..., Page]]:
    assert running.ui_url is not None
    with visitors(browser, running.ui_url) as found:
        yield found.visit


def asked(running: RunningStack, *measures: str, **filters: list[str]) -> dict[str, Any]:
    """What the API says of the last 30 days, beside the 30 before."""
    body = {
        "measures": list(measures), "compare": "previous_period", "time": {"timezone": "UTC"},
        "filters": [{"dimension": name, "op": "in", "values": values} for name, values in filters.items()],
    }  # fmt: skip
    with running.client() as client:
        response = client.post("/api/v1/query", json=body)
    assert response.status_code == 200, response.text
    row: dict[str, Any] = response.json()["data"][0]
    return row


def figure(row: dict[str, Any], name: str) -> str:
    """A measure as a tile has it."""
    return formats.figure(Decimal(str(row[name])), FORMS.get(name, "count"))


def change(row: dict[str, Any], name: str) -> str:
    """The number of a tile's change: points of a share, per cent of anything else."""
    now, then = Decimal(str(row[name])), Decimal(str(row["compare"][name]))
    if name in FORMS and FORMS[name] == "share":
        points = abs(now - then) * 100
        assert points > Decimal("0.05"), f"{name} has to change"
        return f"{points:.1f} pp"
    size = abs(now - then) / then * 100
    assert size > Decimal("0.05"), f"{name} has to change"
    return f"{size:.0f}%" if size >= 10 else f"{size:.1f}%"


@pytest.mark.parametrize("filters", [{}, {"workspace_id": ["acme"], "status": ["succeeded", "failed"]}])
def test_every_number_of_the_overviews_tiles_is_the_apis(
    visit: Callable[..., Page], running: RunningStack, filters: dict[str, list[str]]
) -> None:
    address = "&".join(f"{name}={value}" for name, values in filters.items() for value in values)
    page = visit(f"/?{address}")
    more = ("root_runs", "succeeded", "errors", "cancelled", "input_tokens", "output_tokens")
    row = asked(running, *TILES, *more, **filters)
    assert set(TILES) == set(LABELS)
    ended = row["succeeded"] + row["errors"] + row["cancelled"]
    beside = {
        "runs": [formats.count(row["root_runs"])],
        "success_rate": [formats.count(row["succeeded"]), formats.count(ended)],
        "total_tokens": [formats.count(row["input_tokens"]), formats.count(row["output_tokens"])],
    }
    for place, name in enumerate(TILES):
        shown = page.locator(f".st-key-tile-{place}")
        expect(shown).to_contain_text(LABELS[name])
        value = shown.get_by_test_id("stMetricValue")
        expect(value).to_have_text(figure(row, name))
        expect(shown.get_by_test_id("stMetricDelta")).to_contain_text(change(row, name))
        for number in beside.get(name, []):
            expect(shown).to_contain_text(number)


def test_from_the_list_to_an_agent_by_a_shared_link_to_the_runs_behind_it(
    visit: Callable[..., Page], running: RunningStack
) -> None:
    page = visit("/agents?range=7d")
    expect(page.locator(".st-key-count")).to_contain_text("3 agents")
    page.get_by_test_id("data-grid-canvas").first.wait_for()
    keep(page, "agents")
    click_cell(page, row=1, across=100)
    expect(page.get_by_role("heading", name="Odd one")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/agents\?.*profile=a%2Fb\+100%25\+\.\.%F0%9F%A4%96"))
    row = asked_week(running)
    expect(tile(page, "Runs")).to_contain_text(figure(row, "runs"))
    expect(tile(page, "Total cost")).to_contain_text(figure(row, "cost_usd"))
    page.get_by_role("button", name="Share").click()
    links = page.get_by_test_id("stCode")
    expect(links).to_have_count(2)
    relative, fixed = (links.nth(place).inner_text().strip() for place in range(2))
    assert "range=7d" in relative
    assert "range=Custom&from=" in fixed
    for link in (relative, fixed):
        other = visit(f"/{link.split('/', 3)[3]}")
        expect(other.get_by_role("heading", name="Odd one")).to_be_visible()
        expect(tile(other, "Runs")).to_contain_text(figure(row, "runs"))
    keep(other, "agent")
    other.locator(".st-key-card-agent-models svg.marks .mark-rect path").first.click()
    other.get_by_role("link", name="Open the runs behind it").click()
    expect(other).to_have_url(re.compile(r"/runs\?.*model=m-(large|small)"))
    expect(other).to_have_url(re.compile(r"agent_id=a%2Fb"))
    expect(other.locator(".st-key-count")).to_contain_text("newest first")


def asked_week(running: RunningStack) -> dict[str, Any]:
    """The odd agent's last seven days."""
    today = datetime.now(UTC).date()
    params = {"from": str(today - timedelta(days=6)), "to": str(today), "agent_id": ODD}
    with running.client() as client:
        totals: dict[str, Any] = client.get("/api/agents/analytics", params=params).json()["totals"]
    return totals


def test_a_run_opens_by_a_click_and_by_its_link(visit: Callable[..., Page], running: RunningStack) -> None:
    page = visit("/runs?workspace_id=beta")
    expect(page.locator(".st-key-count")).to_contain_text("newest first")
    click_cell(page, row=0, across=40, row_height=32)
    expect(page).to_have_url(re.compile(r"[?&]run=reader-0-0"))
    expect(page.locator(".st-key-run-head")).to_contain_text("reader-0-0")
    with running.client() as client:
        run = client.get("/api/v1/runs/reader-0-0").json()
    shown = formats.figure(run["duration_ms"], "duration")
    expect(tile(page, "Duration")).to_contain_text(shown)
    path = "/" + page.url.split("/", 3)[3]
    for scheme, width in (("dark", 1440), ("light", 420)):
        other = visit(path, scheme=scheme, width=width)
        expect(other.locator(".st-key-run-head")).to_contain_text("reader-0-0")
        expect(tile(other, "Duration")).to_contain_text(shown)
        assert other.evaluate("document.documentElement.scrollWidth") <= width
        keep(other, f"run-{scheme}-{width}")


def test_from_the_failures_of_a_workspace_to_the_whole_message_of_one(
    visit: Callable[..., Page], running: RunningStack
) -> None:
    page = visit("/errors")
    everything = asked(running, "errors", "failure_rate")
    expect(tile(page, "Failed runs")).to_contain_text(figure(everything, "errors"))
    expect(tile(page, "Failure rate")).to_contain_text(formats.share(everything["failure_rate"]))
    expect(page.locator(".st-key-card-failure-rate")).to_contain_text("3 agent versions first seen")
    page.get_by_role("combobox", name="Workspace").fill("acme")
    page.get_by_role("combobox", name="Workspace").press("Enter")
    expect(page).to_have_url(re.compile("workspace_id=acme"))
    failed = figure(asked(running, "errors", workspace_id=["acme"]), "errors")
    expect(tile(page, "Failed runs")).to_contain_text(failed)
    other = visit("/" + page.url.split("/", 3)[3], scheme="dark", width=1600)
    expect(tile(other, "Failed runs")).to_contain_text(failed)
    with other.expect_download() as download:
        other.locator(".st-key-csv-error-types button:visible").click()
    rows = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("error_type,other,runs,errors,affected_agents")
    assert rows[1].startswith(f"Timeout,False,{failed},{failed},2,")
    other.locator(".st-key-card-types svg.marks path[aria-label^='Timeout: ']").click(force=True)
    expect(other.locator(".st-key-drill-types a")).to_have_attribute(
        "href", re.compile(r"runs\?.*workspace_id=acme.*error_type=Timeout")
    )
    other.locator(".st-key-card-hours svg.marks path[aria-label*='Failed runs']").first.click()
    behind = other.locator(".st-key-drill-hours a")
    counted = re.sub(r"\D", "", behind.inner_text())
    expect(other.locator("[data-stale=true]")).to_have_count(0)
    keep(other, "errors-dark")
    behind.click()
    expect(other).to_have_url(re.compile(r"/runs\?.*workspace_id=acme.*weekday=\d&hour=\d+"))
    expect(other.locator(".st-key-count")).to_contain_text(re.compile(rf"^{counted} runs?, newest first"))
    assert len(listed(running, other)) == int(counted)
    keep(other, "runs-narrowed-dark")
    other.locator(".st-key-chip-weekday button:visible").first.click()
    expect(other).not_to_have_url(re.compile("weekday="))
    expect(other).to_have_url(re.compile(r"/runs\?.*workspace_id=acme.*hour=\d+"))
    expect(other.locator(".st-key-count")).to_contain_text(f"{len(listed(running, other))} runs")
    click_cell(other, row=0, across=40, row_height=32)
    expect(other).to_have_url(re.compile(r"/runs\?.*run="))
    expect(other.get_by_test_id("stCode").first).to_contain_text(MESSAGE.strip())
    other.get_by_role("button", name="All runs").click()
    expect(other.locator(".st-key-chip-hour")).to_be_visible()
    other.get_by_role("link", name="Overview").click()
    expect(other.get_by_role("heading", name="Overview")).to_be_visible()
    expect(other).to_have_url(re.compile("workspace_id=acme"))
    expect(other).not_to_have_url(re.compile("hour="))


def test_a_bar_of_durations_and_stars_lead_to_their_runs(visit: Callable[..., Page], running: RunningStack) -> None:
    page = visit("/agents?profile=planner&workspace_id=acme")
    bars = page.locator(".st-key-card-agent-latency svg.marks .mark-rect path")
    bars.nth(3).click()
    behind = page.locator(".st-key-drill-agent-latency a")
    counted = re.sub(r"\D", "", behind.inner_text())
    behind.click()
    expect(page).to_have_url(re.compile(r"/runs\?.*agent_id=planner.*min_duration_ms=\d+&max_duration_ms=\d+"))
    expect(page.locator(".st-key-count")).to_contain_text(f"{counted} run")
    assert len(listed(running, page)) == int(counted)
    page = visit("/agents?profile=planner&workspace_id=acme")
    page.locator(".st-key-card-agent-ratings svg.marks .mark-rect path").first.click()
    page.get_by_role("link", name="Open the runs behind it").click()
    expect(page).to_have_url(re.compile(r"/runs\?.*rating=5"))
    expect(page.locator(".st-key-count")).to_contain_text(f"{RATED} runs, newest first")


def listed(running: RunningStack, page: Page) -> list[dict[str, Any]]:
    """The runs that the API lists for the address of the page Runs."""
    query = [(name, value) for name, value in parse_qsl(urlsplit(page.url).query) if name != "range"]
    with running.client() as client:
        response = client.get("/api/v1/runs", params=[*query, ("limit", "1000")])
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]
    return found


def test_errors_on_a_narrow_screen(visit: Callable[..., Page]) -> None:
    page = visit("/errors?range=7d&agent_id=planner", width=420)
    expect(tile(page, "Mean time to recovery")).to_contain_text("N/A")
    expect(page.locator(".st-key-card-newest")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    keep(page, "errors-narrow")
    steps = page.locator(".st-key-card-failure-rate svg.marks .mark-symbol path[aria-label*='Step']")
    steps.last.click()  # on so narrow a screen an hour's point lies under that of the next one
    runs = page.get_by_role("link", name="Open the runs behind it")
    expect(runs).to_have_attribute("href", re.compile("from=.*agent_id=planner.*status=failed.*status=timed_out"))
    page.locator(".st-key-only-failure-rate button:visible").click()
    expect(page).to_have_url(re.compile("range=Custom.*agent_id=planner|agent_id=planner.*range=Custom"))
    expect(page).not_to_have_url(re.compile("status="))


def test_agents_in_the_dark_and_on_a_narrow_screen(visit: Callable[..., Page]) -> None:
    for path, name in (("/agents", "agents"), ("/agents?profile=planner&workspace_id=acme", "agent")):
        for scheme, width in (("dark", 1600), ("light", 420)):
            page = visit(path, scheme=scheme, width=width)
            shown = page.get_by_text("3 agents") if name == "agents" else tile(page, "Tokens")
            expect(shown).to_be_visible()
            page.get_by_test_id("data-grid-canvas").first.wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            keep(page, f"{name}-{scheme}-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_cost_adoption_feedback_live_and_pipeline_over_a_real_store(
    visit: Callable[..., Page], running: RunningStack, scheme: str
) -> None:
    row = asked(running, "cost_usd", "active_users", "ratings")
    shown = {
        "cost": ("Total cost", figure(row, "cost_usd")), "adoption": ("30-day active users", str(row["active_users"])),
        "feedback": ("Ratings", str(row["ratings"])), "live": ("Running", "0"), "pipeline": ("Gaps of the ledger", "0"),
    }  # fmt: skip
    for path, (label, value) in shown.items():
        page = visit(f"/{path}", scheme=scheme)
        expect(tile(page, label).get_by_test_id("stMetricValue")).to_have_text(value)
        expect(page.get_by_text("could not be loaded")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1440
        keep(page, f"{path}-{scheme}")
