"""Efficiency: what the models take and give, how well caches work, what calls and retries cost."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import streamlit as st

from runtally_ui import drilling, formats, states
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.api_client import RUNS_PATH
from runtally_ui.cards import hint, not_available, query_card
from runtally_ui.catalogue import label
from runtally_ui.drawing import draw_chart, drawing
from runtally_ui.measure_table import Column, measure_frame, measure_table
from runtally_ui.page import Asked, Page
from runtally_ui.questions import Answers, Get, Question
from runtally_ui.ranking import ranked_bars, ranking_frame
from runtally_ui.scatter import HEIGHT as SCATTER_HEIGHT
from runtally_ui.scatter import DrawnRuns, call_cost_chart, call_cost_frame, which_runs
from runtally_ui.sentences import notes, subtitle
from runtally_ui.tiles import draw_tiles, measure_tile
from runtally_ui.trend_card import TrendOptions, trend_card
from runtally_ui.trend_data import Series

CACHE_TARGET = 0.4
_TILES = ("cache_hit_rate", "cost_per_success_usd", "p95_duration_ms", "llm_calls", "retries", "avg_files_modified")
_MODEL_COLUMNS = (
    Column("runs", "gray"), Column("success_rate", "green"), Column("p50_duration_ms"),
    Column("p95_duration_ms", "orange"), Column("cost_per_run_usd", "primary"), Column("cost_per_success_usd"),
    Column("cache_hit_rate", "primary"), Column("total_tokens", "gray"),
)  # fmt: skip
SAMPLE = 1000
_BARS_HEIGHT = 256


def questions(asked: Asked) -> Mapping[str, Question]:
    """All of the page, asked together."""
    known = [column.measure for column in _MODEL_COLUMNS if column.measure != "runs"]
    succeeded = replace(asked.trend("avg_files_modified"), filters=replace(asked.filters, status=("succeeded",)))
    drawn = (*asked.period.params(), *asked.filters.params(), ("sample", str(SAMPLE)))
    return {
        "trend": asked.trend(*_TILES, "cost_usd", compared=True),
        "models": asked.groups(("model",), *known),
        "files": succeeded,
        "calls": Get(RUNS_PATH, drawn, DrawnRuns),
    }


def draw(page: Page, answers: Answers) -> None:
    """Tiles, cache, models, then what work takes."""
    totals = answers.query("trend")
    if not states.stands(page, totals) or not isinstance(totals, QueryAnswer):
        return
    draw_tiles([measure_tile(name, totals, page.asked, page.measures) for name in _TILES])
    st.container(key="notes").caption("  \n".join(formats.escaped(note) for note in notes(totals, page.asked)))
    left, right = st.columns(2, gap="small")
    with left:
        trend_card(
            page, "cache", "Cache hit rate", answers.query("trend"), "cache_hit_rate",
            TrendOptions(target=CACHE_TARGET, note="dotted: the 40% target", height=_BARS_HEIGHT,
                         nothing="No run reports cached tokens."),
        )  # fmt: skip
    with right:
        _cache_by_model(page, answers)
    _models(page, answers)
    left, right = st.columns(2, gap="small")
    with left:
        _calls_against_cost(page, answers)
    with right:
        trend_card(
            page, "files", "Files modified", answers.query("files"), "avg_files_modified",
            TrendOptions(
                note="mean of successful runs only", height=SCATTER_HEIGHT,
                nothing="No successful run in this period says how many files it modified.",
                of_runs={"status": "succeeded"},
            ),
        )  # fmt: skip
    trend_card(
        page, "retries", "Retries", answers.query("trend"), "retries",
        TrendOptions(sums=True, colour="orange", hides="the retries", nothing="No run reports its retries."),
    )  # fmt: skip


def _cache_by_model(page: Page, answers: Answers) -> None:
    with query_card(
        "cache-models", "Cache hit rate by model", answers.query("models"),
        lambda _: "Share of input tokens out of a cache · dotted: the 40% target",
        help_text=page.measures.help("cache_hit_rate"),
    ) as found:  # fmt: skip
        if found is None:
            return
        series = Series("cache_hit_rate", "share", label("cache_hit_rate"))
        frame = ranking_frame(found, series, "model")
        if frame.empty:
            not_available("No run in this period reports cached tokens.", "Publish runs with cache_read_tokens.")
            return
        key = "chart-cache-models"
        chart = drawing(ranked_bars, frame, series, target=CACHE_TARGET, height=_BARS_HEIGHT)
        draw_chart(chart, key=key, selections=["group"], shows="Cache hit rate by model, highest first")
        mark = drilling.clicked(key, "group")
        if mark:
            model = str(mark["key"])
            drilling.runs_behind(page, "cache-models", model or "no model", narrowed={"model": model})


def _models(page: Page, answers: Answers) -> None:
    def caption(_: QueryAnswer) -> str:
        hidden = subtitle(page.asked.filters, "the cost")
        return " · ".join(part for part in ("Busiest first", hidden) if part)

    with query_card("models", "Models compared", answers.query("models"), caption) as found:
        if found is None:
            return
        frame = measure_frame(
            found, [("Model", lambda row: row.text("model"))], _MODEL_COLUMNS, page.measures,
            link=_runs_link(page) if drilling.RUNS_PAGE in page.pages else None,
        )  # fmt: skip
        measure_table("models", frame, _MODEL_COLUMNS, page.measures, f"{len(frame)} models compared")
        hint("Tokens drive cost, and a cache makes them cheaper. Duration holds more than model time: tools, too.")


def _runs_link(page: Page) -> Callable[[QueryRow], str]:
    def link(row: QueryRow) -> str:
        return drilling.runs_href(page, {"model": row.text("model")})

    return link


def _calls_against_cost(page: Page, answers: Answers) -> None:
    def caption(found: QueryAnswer) -> str:
        hidden = subtitle(page.asked.filters, "the cost")
        which = which_runs(found, len(call_cost_frame(found)))
        return " · ".join(part for part in (which, "one point a run", "by colour: the model", hidden) if part)

    with query_card("calls", "LLM calls against cost", answers.query("calls"), caption) as found:
        if found is None:
            return
        frame = call_cost_frame(found)
        if frame.empty:
            not_available("No run in this period reports both its calls and its cost.")
            return
        key = "chart-calls"
        draw_chart(drawing(call_cost_chart, frame), key=key, selections=["run"],
                   shows="LLM calls against cost, one point a run")  # fmt: skip
        mark = drilling.clicked(key, "run")
        if mark and drilling.RUNS_PAGE in page.pages:
            st.page_link(
                page.pages[drilling.RUNS_PAGE], label=f"Open run {formats.escaped(formats.cut(str(mark['run'])))}",
                query_params=drilling.run_address(str(mark["run"]), str(mark["workspace"])),
            )  # fmt: skip
