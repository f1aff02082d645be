"""Errors: what fails, since when, where and whom it hits, whether runs recover, and where to look next."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from runtally_ui import drilling, formats, states
from runtally_ui.answers import ErrorLists, ErrorPatterns, QueryAnswer, QueryRow, RunPage
from runtally_ui.api_client import ERRORS_PATH, PATTERNS_PATH, RUNS_PATH, ApiError
from runtally_ui.cards import card, downloads, failure, not_available, query_card
from runtally_ui.error_cards import (
    SEPARATOR,
    WITH_ERRORS,
    Groups,
    error_behind,
    failing,
    groups_card,
    hours_card,
    recovery_card,
)
from runtally_ui.error_patterns import patterns_card
from runtally_ui.error_table import error_name, error_table, error_table_frame
from runtally_ui.filters import FAILURES
from runtally_ui.page import Asked, Page
from runtally_ui.questions import Answers, Get, Query, Question
from runtally_ui.ranking import NO_VALUE
from runtally_ui.run_table import run_table
from runtally_ui.sentences import notes, subtitle
from runtally_ui.sharing import AGENTS_PAGE, agent_address
from runtally_ui.tiles import Tile, draw_tiles, measure_tile, missing_tile, no_comparison
from runtally_ui.trend_card import TrendOptions, trend_card
from runtally_ui.trends import WIDE_HEIGHT
from runtally_ui.version_marks import first_sights, versions_question

TOP = 10
NEWEST = 20
_FAILED = (("status", "in", tuple(sorted(FAILURES))),)
_TOTALS = ("errors", "failure_rate", "runs_with_errors", "recovery_rate", "mean_time_to_recovery_ms")


def questions(asked: Asked) -> Mapping[str, Question]:
    """All of the page, asked together."""
    params = (*asked.period.params(), *asked.filters.params())
    by_type = Query(
        asked.period, asked.filters, ("runs", "runs_with_errors"), ("error_type",),
        order=(("runs_with_errors", "desc"),), limit=TOP, other=False, more=WITH_ERRORS,
    )  # fmt: skip
    by_group = replace(
        by_type,
        measures=("runs", "errors", "runs_with_errors", "failure_rate"),
        more=(),
        order=(("errors", "desc"), ("runs_with_errors", "desc")),
    )
    found: dict[str, Question] = {
        "totals": asked.totals(*_TOTALS, "succeeded", "cancelled", "active_agents"),
        "hit": replace(asked.totals("active_agents", "active_users"), more=WITH_ERRORS),
        "cost": replace(asked.totals("cost_usd"), more=_FAILED),
        "lists": Get(ERRORS_PATH, params, ErrorLists),
        "patterns": Get(PATTERNS_PATH, params, ErrorPatterns),
        "trend": asked.trend("failure_rate", "errors"),
        "versions": versions_question(asked),
        "over_time": replace(by_type, granularity=asked.step),
        "models": replace(by_group, dimensions=("model",)),
        "agents": replace(by_group, dimensions=("agent_id",)),
        "hours": replace(by_group, dimensions=("weekday", "hour"), limit=7 * 24),
    }
    if asked.compare:
        found["before"] = replace(by_type, compare=asked.compare)
    if failing(asked.filters):
        statuses = tuple(("status", status) for status in failing(asked.filters))
        kept = asked.filters.without("status").params()
        newest = (*asked.period.params(), *kept, *statuses, ("limit", str(NEWEST)))
        found["newest"] = Get(RUNS_PATH, newest, RunPage)
    return found


def draw(page: Page, answers: Answers) -> None:
    """Tiles, the trend, what fails and when, then where, then the runs themselves."""
    drilling.follow(page)
    totals = answers.query("totals")
    if not states.stands(page, totals) or not isinstance(totals, QueryAnswer):
        return
    _tiles(page, answers, totals)
    _trend(page, answers)
    if not totals.total.number("runs_with_errors"):
        _nothing_failed(page)
        return
    lists = answers.get("lists", ErrorLists)
    left, right = st.columns([2, 3], gap="small")
    with left:
        _types(page, lists)
    with right:
        hours_card(page, answers.query("hours"))
    _table(page, lists, answers, totals)
    left, right = st.columns(2, gap="small")
    with left:
        _models(page, answers.query("models"))
    with right:
        _agents(page, answers.query("agents"))
    with st.grid(3, min_column_width=320, gap="small"):
        _kinds(page, lists, "category", "Category")
        _kinds(page, lists, "severity", "Severity")
        recovery_card(page, _part(lists, "type"))
    patterns_card(page, answers.get("patterns", ErrorPatterns))
    _newest(page, answers)


def _tiles(page: Page, answers: Answers, totals: QueryAnswer) -> None:
    row, asked = totals.total, page.asked
    ended = sum(int(row.number(name) or 0) for name in ("succeeded", "errors", "cancelled"))
    filtered = ", filtered" if asked.filters.status else ""
    with_errors = formats.plural(int(row.number("runs_with_errors") or 0), "run")
    draw_tiles([
        measure_tile("errors", totals, asked, page.measures, f"{with_errors} with errors, recovered ones too"),
        measure_tile("failure_rate", totals, asked, page.measures, f"of {formats.count(ended)} ended{filtered}"),
        _cost_tile(page, answers.query("cost")),
        _users_tile(page, answers.query("hit"), row),
        measure_tile("recovery_rate", totals, asked, page.measures, "of the runs that name an error type"),
        measure_tile("mean_time_to_recovery_ms", totals, asked, page.measures, _recoveries(totals)),
    ])  # fmt: skip
    st.container(key="notes").caption("  \n".join(formats.escaped(note) for note in notes(totals, asked)))


def _recoveries(totals: QueryAnswer) -> str:
    known = totals.meta.known("mean_time_to_recovery_ms")
    return f"mean of {formats.plural(known.known, 'run')} that recovered" if known else ""


def _cost_tile(page: Page, failed: QueryAnswer | ApiError) -> Tile:
    title = "Cost of failed runs"
    if isinstance(failed, ApiError):
        return missing_tile(title, failed.title)
    if not failed.total.number("runs"):
        return missing_tile(title, "no run failed")
    return replace(measure_tile("cost_usd", failed, page.asked, page.measures), label=title)


def _users_tile(page: Page, hit: QueryAnswer | ApiError, everything: QueryRow) -> Tile:
    title = "Users affected"
    if isinstance(hit, ApiError):
        return missing_tile(title, hit.title)
    agents = (formats.count(int(row.number("active_agents") or 0)) for row in (hit.total, everything))
    of_agents = "{} of {} agents".format(*agents)
    if hit.total.number("runs") and not hit.total.number("active_users"):
        return missing_tile(title, f"no run with an error names its user · {of_agents}")
    return replace(measure_tile("active_users", hit, page.asked, page.measures, of_agents), label=title)


def _trend(page: Page, answers: Answers) -> None:
    versions = answers.query("versions")
    sights = first_sights(versions, page.palette, page.asked.period) if isinstance(versions, QueryAnswer) else []
    marked = f"▼ {formats.plural(len(sights), 'agent version')} first seen" if sights else "no agent version is new"
    trend_card(
        page, "failure-rate", "Failure rate", answers.query("trend"), "failure_rate",
        TrendOptions(
            colour="red", beside=("errors",), versions=sights, height=WIDE_HEIGHT,
            note="versions could not be loaded" if isinstance(versions, ApiError) else marked,
            nothing="No run in this period has ended yet.",
            of_runs=_failed(page),
        ),
    )  # fmt: skip


def _nothing_failed(page: Page) -> None:
    with card("no-errors", "No errors"):
        if page.asked.filters.hides_failures:
            not_available(
                "The filters leave failed or timed-out runs out, and no other run names an error.",
                "Clear the status filter to see what failed.",
            )
            return
        st.markdown("No run of this period failed, timed out or names an error type.")


def _part(lists: ErrorLists | ApiError, kind: str) -> QueryAnswer | ApiError:
    if isinstance(lists, ApiError):
        return lists
    rows = {"type": lists.by_type, "category": lists.by_category, "severity": lists.by_severity}[kind]
    return QueryAnswer(data=rows, meta=lists.meta)


def _types(page: Page, lists: ErrorLists | ApiError) -> None:
    def behind(row: QueryRow) -> None:
        error_behind(page, "types", "error_type", row.text("error_type"), int(row.number("runs") or 0))

    groups_card(page, _part(lists, "type"), Groups(
        "types", "Top error types", "share of all runs with errors", error_name,
        lambda row: row.text("error_type"), behind,
        with_errors="runs", titles=("With an error", "Share", "Failed or timed out", "Recovery"),
    ))  # fmt: skip


def _table(page: Page, lists: ErrorLists | ApiError, answers: Answers, totals: QueryAnswer) -> None:
    def caption(found: QueryAnswer) -> str:
        hidden = subtitle(page.asked.filters)
        zone = formats.escaped(page.asked.period.timezone.replace("_", " "))
        return " · ".join(part for part in ("The ten most frequent, first and last seen in " + zone, hidden) if part)

    with query_card("error-types", "Error types in detail", _part(lists, "type"), caption) as found:
        if found is None:
            return
        over_time = answers.query("over_time")
        before = answers.query("before") if page.asked.compare and not no_comparison(totals, page.asked) else None
        frame = error_table_frame(
            found, over_time if isinstance(over_time, QueryAnswer) else None,
            before if isinstance(before, QueryAnswer) else None, page.asked.period.timezone,
        )  # fmt: skip
        linked = drilling.RUNS_PAGE in page.pages
        links = [
            drilling.runs_href(page, {"error_type": row.text("error_type"), "has_error": "true"})
            if linked and not row.other else None
            for row in found.rows
        ]  # fmt: skip
        error_table(frame, page.asked.versus, links)


def _models(page: Page, answer: QueryAnswer | ApiError) -> None:
    def behind(row: QueryRow) -> None:
        model = row.text("model")
        drilling.runs_behind(page, "models", model or "no model", narrowed={"model": model}, of_runs=_failed(page),
                             runs=int(row.number("errors") or 0))  # fmt: skip

    groups_card(page, answer, Groups(
        "models", "Failures by model", "share: failure rate", lambda row: row.text("model") or NO_VALUE,
        lambda row: row.text("model"), behind, rows=8, explained="failure_rate",
    ))  # fmt: skip


def _agents(page: Page, answer: QueryAnswer | ApiError) -> None:
    def name(row: QueryRow) -> str:
        return page.palette.name(row.text("workspace_id"), row.text("agent_id"))

    def behind(row: QueryRow) -> None:
        ids = {key: row.text(key) for key in ("workspace_id", "agent_id")}
        drilling.runs_behind(page, "agents", name(row), narrowed=ids, of_runs=_failed(page),
                             runs=int(row.number("errors") or 0))  # fmt: skip
        if AGENTS_PAGE in page.pages:
            st.page_link(page.pages[AGENTS_PAGE], label="Open the agent", icon=":material/smart_toy:",
                         query_params=agent_address(page, **ids))  # fmt: skip

    groups_card(page, answer, Groups(
        "agents", "Failures by agent", "share: failure rate", name,
        lambda row: SEPARATOR.join((row.text("workspace_id"), row.text("agent_id"))), behind, rows=8,
        explained="failure_rate",
    ))  # fmt: skip


def _failed(page: Page) -> dict[str, drilling.Values]:
    """What the runs behind a count of failures are, besides its group."""
    statuses = failing(page.asked.filters)
    return {"status": statuses} if statuses else {}


def _kinds(page: Page, lists: ErrorLists | ApiError, kind: str, title: str) -> None:
    dimension = f"error_{kind}"

    def name(row: QueryRow) -> str:
        return row.text(dimension).replace("_", " ") or "(not said)"

    def behind(row: QueryRow) -> None:
        error_behind(page, kind, dimension, row.text(dimension), int(row.number("runs") or 0))

    groups_card(page, _part(lists, kind), Groups(
        kind, title, "share of all runs with errors", name, lambda row: row.text(dimension), behind,
        with_errors="runs", titles=("With an error", "Share", "Failed or timed out", "Recovery"), rows=8,
    ))  # fmt: skip


def _newest(page: Page, answers: Answers) -> None:
    title = "Newest failed runs"
    if not failing(page.asked.filters):
        with card("newest", title):
            not_available("The filters leave failed and timed-out runs out.", "Clear the status filter to see them.")
        return
    answer = answers.get("newest", RunPage)
    if isinstance(answer, ApiError):
        with card("newest", title):
            failure(answer, "newest")
        return
    with card("newest", title, "Messages are cut to 100 characters; a click on a run's id shows the whole one"):
        if not answer.data:
            st.caption("No run of this period failed or timed out.")
            return
        run_table("newest", answer.rows, page.palette, page.asked.period.timezone, drilling.open_run,
                  without=("LLM calls", "Tokens", "Cost"))  # fmt: skip
        downloads("newest", answer)
