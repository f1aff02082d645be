"""Where each version of an agent was first seen, as marks over a trend: found in an answer, put into a frame, drawn."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer
from runtally_ui.chart_data import Palette
from runtally_ui.chart_theme import SMALL
from runtally_ui.instants import wall_clock
from runtally_ui.page import Asked
from runtally_ui.periods import LONGEST_DAYS, Period
from runtally_ui.questions import Query
from runtally_ui.trend_data import Step

LOOK_BACK: Final = timedelta(days=90)
"""A version that was not seen for so long counts as new."""
ROOM_ABOVE: Final = 22
_MOST_VERSIONS = 500
_LABEL_LENGTH = 26
_LISTED = 8
_LETTER, _FLAG = 6.3, 22
"""Pixels: of a label's letter, and of the flag with what keeps it from the next one."""
_LINE_ROOM = 24
_MARKED = "datum.mark !== ''"
_TO_THE_LEFT_FROM = 0.84


@dataclass(frozen=True)
class Sight:
    """A version when it was first seen, by the wall clock of the question's zone."""

    at: datetime
    name: str


def versions_question(asked: Asked) -> Query:
    """When each version of each agent was first seen. Not by status: a version is new before it fails."""
    period = asked.period
    longest = period.end - timedelta(days=LONGEST_DAYS)
    start = max(period.start - LOOK_BACK, longest)
    return Query(
        Period(min(start, period.start), period.end, period.timezone), replace(asked.filters, status=()),
        ("runs", "first_run_at"), ("agent_id", "agent_version"), limit=_MOST_VERSIONS,
        order=(("first_run_at", "desc"),), other=False, more=(("agent_version", "not_in", ("",)),),
    )  # fmt: skip


def first_sights(answer: QueryAnswer, palette: Palette, period: Period) -> list[Sight]:
    """Those within the period, in their order."""
    start, end = (bound.replace(tzinfo=None) for bound in (period.start, period.end))
    found = []
    for row in answer.rows:
        at = wall_clock(row.text("first_run_at"), period.timezone)
        if at is not None and not row.other and start <= at < end:
            agent = palette.name(row.text("workspace_id"), row.text("agent_id"))
            found.append(Sight(at, f"{agent} {row.text('agent_version')}"))
    return sorted(found, key=lambda sight: (sight.at, sight.name))


def with_marks(frame: pd.DataFrame, steps: Sequence[Step], sights: Sequence[Sight]) -> pd.DataFrame:
    """The frame of a trend, a row for each of the steps, with one mark for those that saw new versions: `seen`, its
    time; `mark`, its label; `side`, of which that stands; `room`, how many pixels wide the chart must be for it.
    """
    by_step: dict[int, list[Sight]] = defaultdict(list)
    for sight in sights:
        place = next((place for place, step in enumerate(steps) if step.start <= sight.at < step.end), None)
        if place is not None:
            by_step[place].append(sight)
    marks = {place: _Mark(_place_of(seen[0].at, steps), _label(seen)) for place, seen in sorted(by_step.items())}
    rooms = dict(zip(marks, _rooms(list(marks.values())), strict=True))
    places = range(len(steps))
    marked = frame.copy()
    marked["seen"] = [by_step[place][0].at if place in marks else steps[place].start for place in places]
    marked["mark"] = [marks[place].label if place in marks else "" for place in places]
    marked["New versions"] = [_listing(by_step[place]) if place in marks else "" for place in places]
    marked["marks"] = len(marks)
    marked["side"] = [marks[place].side if place in marks else "" for place in places]
    marked["room"] = [float(rooms.get(place, 0)) for place in places]
    return marked


def mark_layers(base: alt.Chart) -> list[alt.Chart]:
    """A dashed line, a flag to hover over, and a label where there is room; `base` has the time of the marks as x.

    Steps without a mark are drawn as nothing rather than left out: the axis of no times at all would be one of nothing.
    """
    # Many lines in a narrow chart would be all that is seen of it; their flags stay.
    lines = f"{_MARKED} && datum.marks * {_LINE_ROOM} < width"
    tooltip = [alt.Tooltip("New versions:N")]
    return [
        base.mark_rule(strokeDash=[3, 3], strokeWidth=1).encode(
            color=alt.value("gray"), opacity=alt.condition(lines, alt.value(0.55), alt.value(0))
        ),
        base.mark_point(shape="triangle-down", filled=True, opacity=1, yOffset=-6).encode(
            y=alt.value(0), color=alt.value("gray"), tooltip=tooltip,
            size=alt.condition(_MARKED, alt.value(46), alt.value(0)),
        ),
        *(_labels(base, side, tooltip) for side in ("left", "right")),
    ]  # fmt: skip


def _labels(base: alt.Chart, side: str, tooltip: list[alt.Tooltip]) -> alt.Chart:
    to_the_left = side == "left"
    align: Literal["left", "right"] = "right" if to_the_left else "left"
    fits = f"{_MARKED} && datum.side === '{side}' && datum.room <= width"
    labels: alt.Chart = base.mark_text(
        align=align, dx=-8 if to_the_left else 8, dy=-7, baseline="middle", fontSize=SMALL
    ).encode(
        y=alt.value(0), text=alt.condition(fits, alt.Text("mark:N"), alt.value("")), color=alt.value("gray"),
        tooltip=tooltip,
    )  # fmt: skip
    return labels


@dataclass(frozen=True)
class _Mark:
    """A mark at a place of 0 to 1."""

    place: float
    label: str

    @property
    def side(self) -> str:
        return "left" if self.place > _TO_THE_LEFT_FROM else "right"

    @property
    def pixels(self) -> float:
        return len(self.label) * _LETTER + _FLAG


def _rooms(marks: Sequence[_Mark]) -> list[float]:
    """The width of a chart in which each label reaches no other mark, nor the label that comes towards it."""
    found = []
    for number, mark in enumerate(marks):
        left = mark.side == "left"
        neighbour = number - 1 if left else number + 1
        near = marks[neighbour] if 0 <= neighbour < len(marks) else None
        edge = 0.0 if left else 1.0
        gap = abs((near.place if near else edge) - mark.place)
        towards = near.pixels if near and near.side != mark.side else 0.0
        found.append((mark.pixels + towards) / gap if gap else float("inf"))
    return [min(room, 1e6) for room in found]


def _place_of(at: datetime, steps: Sequence[Step]) -> float:
    return (at - steps[0].start) / (steps[-1].end - steps[0].start)


def _label(sights: Sequence[Sight]) -> str:
    return formats.cut(sights[0].name, _LABEL_LENGTH) if len(sights) == 1 else f"{len(sights)} versions"


def _listing(sights: Sequence[Sight]) -> str:
    shown = [f"{formats.cut(sight.name, 40)} ({formats.short_day(sight.at)}, {sight.at:%H:%M})" for sight in sights]
    more = f", and {len(sights) - _LISTED} more" if len(sights) > _LISTED else ""
    return ", ".join(shown[:_LISTED]) + more
