"""Cost: what was spent, on what and on whom, why it changed, and how much of it nobody knows."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from runtally_ui import drilling, formats, groupings, states
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.api_client import ApiError
from runtally_ui.cards import hint, not_available, query_card
from runtally_ui.catalogue import label
from runtally_ui.colours import SLOTS
from runtally_ui.cost_changes import (
    HEIGHT,
    Change,
    changes,
    changes_chart,
    changes_frame,
    changes_rows,
    in_sum,
    signed_money,
    unpriced_rows,
)
from runtally_ui.cost_series import CostSeries, cost_series_chart, cost_series_frame, series_of, shown_in
from runtally_ui.cumulative import HEIGHT as TREND_HEIGHT
from runtally_ui.cumulative import cumulative_chart, cumulative_frame
from runtally_ui.drawing import draw_chart, drawing
from runtally_ui.groupings import Grouping
from runtally_ui.measure_table import Column, measure_frame, measure_table, table_height
from runtally_ui.model_mix import with_model_mix
from runtally_ui.page import Asked, Page
from runtally_ui.questions import Answers, Query, Question
from runtally_ui.ranking import SHOWN, ranked_bars, ranking_frame
from runtally_ui.sentences import notes, subtitle, trend_caption
from runtally_ui.tiles import draw_tiles, measure_tile, no_comparison
from runtally_ui.trend_card import Part, TrendOptions, agent_part, draw_selectable, trend_card
from runtally_ui.trend_data import Series, steps

_TILES = ("cost_usd", "cost_per_run_usd", "cost_per_success_usd", "cost_coverage", "total_tokens", "runs")
_COLUMNS = (
    Column("cost_usd", "primary"), Column("runs", "gray"), Column("cost_per_run_usd"), Column("cost_per_success_usd"),
    Column("total_tokens"), Column("cost_coverage", "gray"),
)  # fmt: skip
_MOST_GROUPS = 1000
_MOST_AGENTS = 100
_DRIVERS = ("the number of its runs", "another mix of models", "what its runs cost")
# Charts are as high as what stands beside them: a table of as many rows, a chart without lines under it.
_RANKING_HEIGHT = table_height(SHOWN)
_UNKNOWN_HEIGHT = HEIGHT - 44
_NO_COST = "No run in this period has a known cost."
_REMEDY = "Publish runs with cost_usd."
_UNKNOWN = Series("unknown_cost_runs", "count", "Runs of no known cost")


def questions(asked: Asked) -> Mapping[str, Question]:
    """All of the page, asked together. Groups of the period before are asked by themselves: some are gone since."""
    found: dict[str, Question] = {
        "trend": asked.trend(*(name for name in _TILES if name != "runs"), compared=True),
        "groups": _groups(asked),
        "group_trend": _group_trend(asked),
    }
    if asked.before is not None:
        found["before"] = replace(_groups(asked), period=asked.before)
        if "model" not in groupings.chosen().dimensions:
            found["models"] = _group_models(asked)
            found["models_before"] = replace(_group_models(asked), period=asked.before)
    return found


def _groups(asked: Asked) -> Query:
    measures = tuple(column.measure for column in _COLUMNS if column.measure != "runs")
    query = asked.groups(groupings.chosen().dimensions, *measures, limit=_MOST_GROUPS)
    return replace(query, order=(("cost_usd", "desc"),), other=True)


def _group_models(asked: Asked) -> Query:
    dimensions = (*groupings.chosen().dimensions, "model")
    query = asked.groups(dimensions, "cost_usd", "cost_coverage", limit=_MOST_GROUPS)
    return replace(query, order=(("cost_usd", "desc"),), other=True)


def _group_trend(asked: Asked) -> Query:
    how = groupings.chosen()
    # Agents have colours of their own, wherever they stand by cost; those without one are drawn as one.
    wanted = _MOST_AGENTS if "agent_id" in how.dimensions else SLOTS
    return replace(
        asked.trend("cost_usd"), dimensions=how.dimensions, order=(("cost_usd", "desc"),), other=True,
        limit=asked.series_that_fit(wanted),
    )  # fmt: skip


def draw(page: Page, answers: Answers) -> None:
    """Tiles, cost over time, then by what the reader chose: who spends, what changed, what is unknown."""
    totals = answers.query("trend")
    if not states.stands(page, totals) or not isinstance(totals, QueryAnswer):
        return
    unknown = _unknown_runs(totals)
    rests_on = {"cost_coverage": f"{formats.plural(unknown, 'run')} of no known cost" if unknown else "of all runs"}
    draw_tiles([measure_tile(name, totals, page.asked, page.measures, rests_on.get(name, "")) for name in _TILES])
    st.container(key="notes").caption("  \n".join(formats.escaped(note) for note in notes(totals, page.asked)))
    left, right = st.columns(2, gap="small")
    with left:
        _cumulative_card(page, answers)
    with right:
        trend_card(
            page, "cost-success", "Cost and cost per success", answers.query("trend"), "cost_usd",
            TrendOptions(sums=True, second="cost_per_success_usd", note="line: per successful run", hides="the cost",
                         nothing=_NO_COST, height=TREND_HEIGHT),
        )  # fmt: skip
    with st.container(horizontal=True, key="own-fields"):
        groupings.field()
    how = groupings.chosen()
    _group_trend_card(page, answers, how)
    left, right = st.columns([2, 3], gap="small")
    with left:
        _ranking_card(page, answers, how)
    with right:
        _table_card(page, answers, how)
    left, right = st.columns([3, 2], gap="small")
    with left:
        _changes_card(page, totals, answers, how)
    with right:
        _unknown_card(page, answers, how, unknown)


def _unknown_runs(totals: QueryAnswer) -> int:
    row = totals.total
    return round((row.number("runs") or 0) * (1 - (row.number("cost_coverage") or 0)))


def _cumulative_card(page: Page, answers: Answers) -> None:
    asked = page.asked
    trend = answers.query("trend")
    is_whole = isinstance(trend, QueryAnswer) and not no_comparison(trend, asked)
    earlier = [row.before for row in trend.rows] if isinstance(trend, QueryAnswer) and is_whole else None

    def caption(found: QueryAnswer) -> str:
        parts = [trend_caption(found, asked, "USD", fades=False)]
        if earlier is not None and asked.before is not None:
            parts.append(f"dashed: {formats.day_span(asked.before.first, asked.before.last)}")
        parts.append(subtitle(asked.filters, "the cost"))
        return " · ".join(part for part in parts if part)

    of_chart = trend if isinstance(trend, ApiError) else trend.only("runs", "cost_usd")
    with query_card("cost-so-far", "Cumulative cost", of_chart, caption,
                    help_text=page.measures.help("cost_usd")) as found:  # fmt: skip
        if found is None:
            return
        if all(row.exact("cost_usd") is None for row in found.rows):
            not_available(_NO_COST, _REMEDY)
            return
        frame = cumulative_frame(found.rows, steps(found.rows, found.meta.granularity, asked.now), earlier)
        drawn = drawing(cumulative_chart, frame)
        draw_selectable(page, "cost-so-far", "Cost so far, step by step", drawn, found, {})


def _group_trend_card(page: Page, answers: Answers, how: Grouping) -> None:
    def caption(found: QueryAnswer) -> str:
        parts = (trend_caption(found, page.asked, "USD"), subtitle(page.asked.filters, "the cost"))
        return " · ".join(part for part in parts if part)

    with query_card("cost-over-time", f"Cost over time by {how.word}", answers.query("group_trend"), caption,
                    help_text=page.measures.help("cost_usd")) as found:  # fmt: skip
        if found is None:
            return
        series = series_of(found, how, page.palette)
        frame = cost_series_frame(found, series, page.asked.now)
        if frame.empty:
            not_available(_NO_COST, _REMEDY)
            return
        drawn = drawing(cost_series_chart, frame, tuple(series.domain), tuple(shown_in(frame, series.domain)))
        shows = f"Cost over time, stacked by {how.word}"
        # Of its own for each dimension: what was clicked in another one is no part of this.
        key = f"{how.word}-cost-over-time"
        draw_selectable(page, key, shows, drawn, found, {}, lambda mark: _part(page, how, series, mark))


def _part(page: Page, how: Grouping, series: CostSeries, mark: Mapping[str, Any]) -> Part:
    """Whose part of a bar was clicked."""
    if "agent_id" in how.dimensions:
        return agent_part(page, mark)
    row = series.only(str(mark.get("series")))
    return Part(how.name(row, page.palette), how.of_runs(row)) if row else Part(f"all {how.word}s")


def _ranking_card(page: Page, answers: Answers, how: Grouping) -> None:
    hidden = subtitle(page.asked.filters, "the cost")

    def caption(found: QueryAnswer) -> str:
        known = sum(1 for row in found.rows if row.number("cost_usd") is not None and not row.other)
        # Where the least are folded into one, nobody here knows how many there are.
        of_all = "" if found.meta.truncated else f" of {formats.plural(known, how.word)}"
        which = "dearest first" if known <= SHOWN else f"the {SHOWN} dearest{of_all}"
        return " · ".join(part for part in (f"USD, {which}", hidden) if part)

    with query_card("cost-groups", f"Cost by {how.word}", answers.query("groups"), caption,
                    help_text=page.measures.help("cost_usd")) as found:  # fmt: skip
        if found is None:
            return
        series = Series("cost_usd", "money", label("cost_usd"))
        frame = ranking_frame(_identified(found, how), series, "identity", lambda row: how.name(row, page.palette))
        if frame.empty:
            not_available(_NO_COST, _REMEDY, height=_RANKING_HEIGHT)
            return
        _draw_bars(page, "cost-groups", f"Cost by {how.word}, dearest first", found, frame, series, how, {})


def _identified(answer: QueryAnswer, how: Grouping) -> QueryAnswer:
    """Each row with a value that tells its group from the others."""
    return QueryAnswer(data=[{**row.cells, "identity": how.identity(row)} for row in answer.rows])


def _draw_bars(
    page: Page, key: str, shows: str, found: QueryAnswer, frame: pd.DataFrame, series: Series, how: Grouping,
    of_runs: Mapping[str, str],
) -> None:  # fmt: skip
    chart_key = f"chart-{key}"
    colour, height = ("gray", _UNKNOWN_HEIGHT) if of_runs else ("primary", _RANKING_HEIGHT)
    drawn = drawing(ranked_bars, frame, series, colour=colour, height=height)
    draw_chart(drawn, key=chart_key, selections=["group"], shows=shows)
    mark = drilling.clicked(chart_key, "group")
    row = next((row for row in found.rows if mark and how.identity(row) == mark["key"]), None)
    if row is not None:
        drilling.runs_behind(page, key, how.name(row, page.palette), narrowed=how.of_runs(row), of_runs=of_runs)


def _table_card(page: Page, answers: Answers, how: Grouping) -> None:
    def caption(found: QueryAnswer) -> str:
        most = f"the {_MOST_GROUPS:,} dearest and all others" if found.meta.truncated else "all of them"
        return f"{formats.plural(len(found.data), how.word)} · {most} · cost of sub-runs is theirs alone"

    with query_card("cost-table", f"Each {how.word}", answers.query("groups"), caption) as found:
        if found is None:
            return

        def link(row: QueryRow) -> str:
            return drilling.runs_href(page, how.of_runs(row))

        names = [(how.word.capitalize(), lambda row: how.name(row, page.palette))]
        linked = link if drilling.RUNS_PAGE in page.pages else None
        frame = measure_frame(found, names, _COLUMNS, page.measures, link=linked)
        measure_table("cost-groups", frame, _COLUMNS, page.measures, f"{len(frame)} groups with their cost", SHOWN)


def _changes_card(page: Page, totals: QueryAnswer, answers: Answers, how: Grouping) -> None:
    now = answers.query("groups")
    before = answers.query("before") if page.asked.before is not None else None
    obstacle = no_comparison(totals, page.asked)
    found = [] if obstacle else _changes(page, now, before, how)
    if found and "model" not in how.dimensions:
        found = _with_mix(found, answers, how)
    failed = next((answer for answer in (now, before) if isinstance(answer, ApiError)), None)
    shown = failed or QueryAnswer(data=changes_rows(found, how.word))

    def caption(_: QueryAnswer) -> str:
        whole, by_runs, by_price = in_sum(found)
        if not found:
            return f"By {how.word}, {formats.escaped(page.asked.versus)}" if page.asked.versus else ""
        by_mix = sum((one.by_mix for one in found), Decimal(0))
        mix = f"{signed_money(by_mix)} by the mix of models, " if by_mix else ""
        words = (
            f"{signed_money(whole)} {page.asked.versus}: {signed_money(by_runs)} by the number of runs, {mix}"
            f"{signed_money(by_price - by_mix)} by what a run costs"
        )
        return formats.escaped(words)

    with query_card("cost-changes", "What changed", shown, caption) as drawn:
        if drawn is None:
            return
        if not found:
            remedy = "Choose a comparison in the bar." if page.asked.before is None else ""
            not_available(f"{obstacle or 'the cost is the same'}".capitalize() + ".", remedy, height=HEIGHT)
            return
        draw_chart(drawing(changes_chart, changes_frame(found)), key="chart-cost-changes",
                   shows=f"Change of cost by {how.word}, greatest first")  # fmt: skip
        hint(_driver(found, how))


def _changes(
    page: Page, now: QueryAnswer | ApiError, before: QueryAnswer | ApiError | None, how: Grouping
) -> list[Change]:
    if not isinstance(now, QueryAnswer) or not isinstance(before, QueryAnswer):
        return []
    return changes(now.rows, before.rows, how.identity, lambda row: how.name(row, page.palette))


def _with_mix(found: list[Change], answers: Answers, how: Grouping) -> list[Change]:
    models, before = answers.query("models"), answers.query("models_before")
    if not isinstance(models, QueryAnswer) or not isinstance(before, QueryAnswer):
        return found
    return with_model_mix(found, models.rows, before.rows, how.identity)


def _driver(found: list[Change], how: Grouping) -> str:
    first = found[0]
    if not first.runs_then:
        why = "it had no run of known cost before"
    elif not first.runs_now:
        why = "it has no run of known cost any more"
    else:
        sizes = [abs(part) for part in first.parts]
        why = f"mostly by {_DRIVERS[sizes.index(max(sizes))]}"
    return f"The greatest change: {formats.escaped(f'{how.word} {first.name}, {signed_money(first.whole)}, {why}')}."


def _unknown_card(page: Page, answers: Answers, how: Grouping, unknown: int) -> None:
    groups = answers.query("groups")
    rows = [] if isinstance(groups, ApiError) else unpriced_rows(groups.rows)
    shown = groups if isinstance(groups, ApiError) else QueryAnswer(data=[dict(row) for row in rows])

    def caption(_: QueryAnswer) -> str:
        hidden = subtitle(page.asked.filters)
        return " · ".join(part for part in (f"By {how.word} · no figure above has their cost", hidden) if part)

    with query_card("cost-unknown", "Runs of no known cost", shown, caption,
                    help_text=page.measures.help("cost_coverage")) as found:  # fmt: skip
        if found is None:
            return
        if not rows:
            not_available("Nothing is missing: the cost of every run is known.", height=HEIGHT)
            return
        frame = ranking_frame(_identified(found, how), _UNKNOWN, "identity", lambda row: how.name(row, page.palette))
        shows = f"Runs of no known cost by {how.word}, most runs first"
        _draw_bars(page, "cost-unknown", shows, found, frame, _UNKNOWN, how, {"has_cost": "false"})
        if drilling.RUNS_PAGE in page.pages:
            st.page_link(
                page.pages[drilling.RUNS_PAGE], icon=":material/arrow_forward:",
                label=f"Open all {formats.plural(unknown, 'run')} of no known cost",
                query_params=drilling.behind(page, None, {"has_cost": "false"}),
            )  # fmt: skip
        st.caption("Runs that are queued or under way often have no cost yet; of others, publish cost_usd.")
