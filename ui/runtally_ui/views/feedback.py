"""Feedback: what users thought of runs, over time, by agent and by version, what they wrote; and states of agents."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import streamlit as st

from runtally_ui import comments, drilling, formats, groupings, lifecycle, states
from runtally_ui.answers import QueryAnswer, QueryRow, RunPage
from runtally_ui.api_client import RUNS_PATH, ApiError
from runtally_ui.cards import card, downloads, failure, hint, not_available, query_card
from runtally_ui.catalogue import label
from runtally_ui.drawing import draw_chart, drawing
from runtally_ui.groupings import GROUPINGS, Grouping
from runtally_ui.measure_table import Column, measure_frame, measure_table
from runtally_ui.page import Asked, Page
from runtally_ui.questions import Answers, Get, Question
from runtally_ui.ranking import ranked_bars
from runtally_ui.ratings import SERIES, STARS, ratings_frame, ratings_rows
from runtally_ui.run_table import run_table
from runtally_ui.sentences import subtitle
from runtally_ui.tiles import NOT_AVAILABLE, Tile, draw_tiles, measure_tile
from runtally_ui.trend_card import TrendOptions, trend_card

_RATED: Final = tuple(f"ratings_{stars}" for stars in STARS)
_COLUMNS = (
    Column("ratings", "gray"), Column("avg_rating"), *(Column(name) for name in _RATED), Column("runs"),
    Column("success_rate", "green"),
)  # fmt: skip
BY: Final[Mapping[str, Grouping]] = {
    "By agent": GROUPINGS["By agent"],
    "By version": groupings.BY_VERSION,
    "By model": GROUPINGS["By model"],
    "By user": GROUPINGS["By user"],
}
_NOBODY = "No user rated a run of this period."
_REMEDY = "Publish feedback: POST /api/v1/feedback, with the run's id and a rating of 1 to 5."
_LOW = ("1", "2")
_HEIGHT = 250
NEWEST = 15


def questions(asked: Asked) -> Mapping[str, Question]:
    """All of the page, asked together."""
    measures = tuple(column.measure for column in _COLUMNS if column.measure != "runs")
    low = (*asked.period.params(), *asked.filters.params(), *(("rating", stars) for stars in _LOW))
    groups = asked.groups(groupings.chosen(BY).dimensions, *measures, limit=100)
    return {
        "totals": asked.totals("ratings", "avg_rating", *_RATED),
        "trend": asked.trend("ratings", "avg_rating"),
        "groups": replace(groups, order=(("ratings", "desc"),)),
        "low": Get(RUNS_PATH, (*low, ("limit", str(NEWEST))), RunPage),
        "comments": comments.question(asked),
        "lifecycle": lifecycle.question(asked),
    }


def draw(page: Page, answers: Answers) -> None:
    """Tiles, ratings over time, by stars and by group, then the runs that displeased."""
    drilling.follow(page)
    totals = answers.query("totals")
    if not states.stands(page, totals) or not isinstance(totals, QueryAnswer):
        return
    draw_tiles(_tiles(page, totals))
    hidden = subtitle(page.asked.filters)
    told = "Ratings count by when their run started, whenever they were given"
    st.container(key="notes").caption(" · ".join(part for part in (told, hidden) if part))
    left, right = st.columns([3, 2], gap="small")
    with left:
        trend_card(
            page, "ratings", "Ratings over time", answers.query("trend"), "ratings",
            TrendOptions(sums=True, second="avg_rating", note="line: mean of 1 to 5", height=_HEIGHT, nothing=_NOBODY),
        )  # fmt: skip
    with right:
        _stars(page, totals)
    with st.container(horizontal=True, key="own-fields"):
        groupings.field(BY)
    _groups(page, answers, groupings.chosen(BY))
    comments.comments_card(page, answers.get("comments", RunPage))
    _low(page, answers)
    lifecycle.lifecycle_cards(page, answers.get("lifecycle", lifecycle.Transitions))


def _tiles(page: Page, totals: QueryAnswer) -> list[Tile]:
    row = totals.total
    ratings = int(row.number("ratings") or 0)
    mean = measure_tile("avg_rating", totals, page.asked, page.measures, f"of {formats.plural(ratings, 'rating')}")
    shares = [_share_tile(row, f"Rated {low} or {low + 1}", (low, low + 1)) for low in (4, 1)]
    return [mean if ratings else replace(mean, rests_on="no run was rated"),
            measure_tile("ratings", totals, page.asked, page.measures), *shares]  # fmt: skip


def _share_tile(row: QueryRow, title: str, stars: tuple[int, ...]) -> Tile:
    ratings = int(row.number("ratings") or 0)
    part = sum(int(row.number(f"ratings_{star}") or 0) for star in stars)
    if not ratings:
        return Tile(title, NOT_AVAILABLE, None, "off", "gray", "", "no run was rated", "")
    return Tile(title, formats.share(part / ratings), None, "off", "gray", "", f"{part:,} of {ratings:,}", "")


def _stars(page: Page, totals: QueryAnswer) -> None:
    with query_card("stars", "Ratings by stars", ratings_rows(totals.total), lambda _: "Ratings · share of all",
                    help_text=page.measures.help("ratings")) as found:  # fmt: skip
        frame = ratings_frame(totals.total)
        if found is None or frame.empty:
            not_available(_NOBODY, _REMEDY, height=_HEIGHT)
            return
        key = "chart-stars"
        draw_chart(drawing(ranked_bars, frame, SERIES, height=_HEIGHT + 28, beside="Share"), key=key,
                   selections=["group"], shows="Ratings by number of stars")  # fmt: skip
        mark = drilling.clicked(key, "group")
        if mark:
            stars = str(mark["key"])
            drilling.runs_behind(page, "stars", f"{stars} ★", of_runs={"rating": stars})


def _groups(page: Page, answers: Answers, how: Grouping) -> None:
    def caption(_: QueryAnswer) -> str:
        return " · ".join(part for part in ("Most ratings first", subtitle(page.asked.filters)) if part)

    with query_card("rated-groups", f"Ratings by {how.word}", _rated(answers.query("groups")), caption,
                    help_text=page.measures.help("avg_rating")) as found:  # fmt: skip
        if found is None:
            return
        if not found.data:
            not_available(_NOBODY, _REMEDY)
            return

        def link(row: QueryRow) -> str:
            return drilling.runs_href(page, {**how.of_runs(row), "rating": tuple(str(stars) for stars in STARS)})

        names = [(how.word.capitalize(), lambda row: how.name(row, page.palette))]
        frame = measure_frame(
            found, names, _COLUMNS, page.measures, link=link if drilling.RUNS_PAGE in page.pages else None
        )
        measure_table("rated-groups", frame, _COLUMNS, page.measures, f"{len(frame)} groups with their ratings")
        hint(f"A mean of few ratings says little: read {label('avg_rating').lower()} beside its count.")


def _rated(answer: QueryAnswer | ApiError) -> QueryAnswer | ApiError:
    """Without the groups that nobody rated."""
    if isinstance(answer, ApiError):
        return answer
    return answer.model_copy(update={"data": [row.cells for row in answer.rows if row.number("ratings")]})


def _low(page: Page, answers: Answers) -> None:
    title, answer = "Newest runs rated 1 or 2", answers.get("low", RunPage)
    if isinstance(answer, ApiError):
        with card("low", title):
            failure(answer, "low")
        return
    with card("low", title, "A click on a run's id opens it"):
        if not answer.data:
            st.caption("No run of this period was rated 1 or 2.")
            return
        run_table("low", answer.rows, page.palette, page.asked.period.timezone, drilling.open_run,
                  without=("LLM calls", "Tokens"), shown_rows=NEWEST)  # fmt: skip
        downloads("low", answer)
