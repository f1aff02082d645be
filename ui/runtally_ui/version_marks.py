"""Where each version of an agent was first seen, as marks over a trend: found in an answer, put into a frame, drawn."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer
from runtally_ui.chart_data import Palette
from runtally_ui.chart_theme import SMALL
from runtally_ui.page import Asked
from runtally_ui.periods import LONGEST_DAYS, Period
from runtally_ui.questions import Query
from runtally_ui.trend_data import Step

LOOK_BACK: Final = timedelta(days=90)
"""A version that was not seen for so long counts as new."""
ROOM_ABOVE: Final = 20
_MOST_VERSIONS = 500
_LABEL_LENGTH = 26
_LISTED = 8
# The shares of the width that a label needs for itself in a wide and in a narrow chart, and the width between them.
_ROOM_WIDE, _ROOM_NARROW, _WIDE = 0.12, 0.4, 760
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
    found = []
    for row in answer.rows:
        if row.other or not row.text("first_run_at"):
            continue
        at = datetime.fromisoformat(row.text("first_run_at")).astimezone(ZoneInfo(period.timezone))
        if period.start <= at < period.end:
            agent = palette.name(row.text("workspace_id"), row.text("agent_id"))
            found.append(Sight(at.replace(tzinfo=None), f"{agent} {row.text('agent_version')}"))
    return sorted(found, key=lambda sight: (sight.at, sight.name))


def with_marks(frame: pd.DataFrame, steps: Sequence[Step], sights: Sequence[Sight]) -> pd.DataFrame:
    """The frame of a trend, a row for each of the steps, with one mark for those that saw new versions: `seen`, its
    time; `mark`, its label; `room`, how much of a width the label needs; `side`, of which it stands.
    """
    by_step: dict[int, list[Sight]] = defaultdict(list)
    for sight in sights:
        place = next((place for place, step in enumerate(steps) if step.start <= sight.at < step.end), None)
        if place is not None:
            by_step[place].append(sight)
    rooms = _rooms(sorted(by_step), len(steps))
    marked = frame.copy()
    marked["seen"] = pd.Series([by_step[place][0].at if place in by_step else pd.NaT for place in range(len(steps))],
                               index=marked.index, dtype="datetime64[us]")  # fmt: skip
    for name, text in (("mark", _label), ("New versions", _listing)):
        marked[name] = [text(by_step[place]) if place in by_step else "" for place in range(len(steps))]
    marked["room"] = [rooms.get(place, "") for place in range(len(steps))]
    marked["side"] = ["left" if place > _TO_THE_LEFT_FROM * len(steps) else "right" for place in range(len(steps))]
    return marked


def mark_layers(base: alt.Chart) -> list[alt.Chart]:
    """A dashed line, a flag to hover over, and a label where there is room; `base` has the time of the marks as x."""
    marks = base.transform_filter("isValid(datum.seen)")
    tooltip = [alt.Tooltip("New versions:N")]
    above = alt.value(0)
    return [
        marks.mark_rule(strokeDash=[3, 3], strokeWidth=1).encode(color=alt.value("gray")),
        marks.mark_point(shape="triangle-down", filled=True, size=46, opacity=1, yOffset=-3).encode(
            y=above, color=alt.value("gray"), tooltip=tooltip
        ),
        *(_labels(marks, side, tooltip) for side in ("left", "right")),
    ]


def _labels(marks: alt.Chart, side: str, tooltip: list[alt.Tooltip]) -> alt.Chart:
    there = marks.transform_filter(f"datum.side === '{side}' && datum.room !== ''")
    fits = f"datum.room === 'narrow' || width > {_WIDE}"
    to_the_left = side == "left"
    align: Literal["left", "right"] = "right" if to_the_left else "left"
    beside = -8 if to_the_left else 8
    labels: alt.Chart = there.mark_text(align=align, dx=beside, dy=-4, baseline="middle", fontSize=SMALL).encode(
        y=alt.value(0), text="mark:N", color=alt.value("gray"), tooltip=tooltip,
        opacity=alt.condition(fits, alt.value(1), alt.value(0)),
    )  # fmt: skip
    return labels


def _rooms(places: Sequence[int], steps: int) -> dict[int, str]:
    """`narrow` for labels that have room in any chart, `wide` for those that need a wide one."""
    found: dict[int, str] = {}
    last, last_narrow = -float(steps), -float(steps)
    for place in places:
        if place - last_narrow >= _ROOM_NARROW * steps:
            found[place] = "narrow"
            last = last_narrow = place
        elif place - last >= _ROOM_WIDE * steps:
            found[place] = "wide"
            last = place
    return found


def _label(sights: Sequence[Sight]) -> str:
    return formats.cut(sights[0].name, _LABEL_LENGTH) if len(sights) == 1 else f"{len(sights)} versions"


def _listing(sights: Sequence[Sight]) -> str:
    shown = [f"{formats.cut(sight.name, 40)} ({formats.short_day(sight.at)}, {sight.at:%H:%M})" for sight in sights]
    more = f", and {len(sights) - _LISTED} more" if len(sights) > _LISTED else ""
    return ", ".join(shown[:_LISTED]) + more
