"""Records acknowledged in the last hour, minute by minute: the question, the frame, the chart."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import Answer, QueryAnswer, QueryMeta
from runtally_ui.api_client import MINUTES_PATH, ApiError
from runtally_ui.cards import not_available, query_card
from runtally_ui.chart_theme import COUNT_AXIS, day_axis, styled
from runtally_ui.drawing import draw_chart, drawing
from runtally_ui.page import Asked, Page
from runtally_ui.periods import Period
from runtally_ui.questions import Get

MINUTES = 60
HEIGHT = 180
OUTCOMES = ("■ Accepted", "▲ Refused")
_TOLD = ("Minute", "Accepted", "Refused", "Batches")


class Minutes(Answer):
    """`GET /api/v1/ingestion/minutes`. None for callers who may not see all workspaces."""

    minutes: list[dict[str, Any]] | None = None
    meta: QueryMeta = QueryMeta()


def question(asked: Asked) -> Get:
    """The hour that ends with the running minute, whatever the range."""
    return Get(MINUTES_PATH, _last_hour(asked).params(), Minutes)


def throughput_card(page: Page, answer: Minutes | ApiError) -> None:
    """A bar for each minute."""
    rows = answer if isinstance(answer, ApiError) else QueryAnswer(data=answer.minutes or [], meta=answer.meta)

    def caption(found: QueryAnswer) -> str:
        accepted, refused = (sum(int(row.number(name) or 0) for row in found.rows) for name in ("accepted", "dead"))
        told = f"{formats.plural(accepted + refused, 'record')} · :red[▲ {refused:,} refused]"
        return f"The last hour by minute, {formats.escaped(page.asked.period.timezone.replace('_', ' '))} · {told}"

    with query_card("throughput", "Records acknowledged", rows, caption) as found:
        if found is None or isinstance(answer, ApiError):
            return
        if answer.minutes is None:
            not_available("Throughput is of all workspaces together: told to who may see all of them.", height=HEIGHT)
            return
        frame = minutes_frame(found, _last_hour(page.asked))
        draw_chart(drawing(minutes_chart, frame), key="chart-throughput", shows="Records acknowledged minute by minute")


def minutes_frame(answer: QueryAnswer, hour: Period) -> pd.DataFrame:
    """Two rows for each minute, those without a batch too: accepted from zero, refused on top of it."""
    sums: dict[datetime, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in answer.rows:
        if row.time is not None:
            counts = sums[row.time.astimezone(ZoneInfo(hour.timezone))]
            for place, name in enumerate(("accepted", "dead", "batches")):
                counts[place] += int(row.number(name) or 0)
    marks = []
    for step in range(MINUTES):
        # Within one zone arithmetic is by the wall clock; an hour that clocks repeat must not be told twice.
        at = (hour.start.astimezone(ZoneInfo("UTC")) + timedelta(minutes=step)).astimezone(ZoneInfo(hour.timezone))
        accepted, dead, batches = sums.get(at, [0, 0, 0])
        wall = at.replace(tzinfo=None)
        told = {"Minute": f"{wall:%H:%M}", "Accepted": formats.full_count(accepted),
                "Refused": formats.full_count(dead), "Batches": formats.full_count(batches)}  # fmt: skip
        for outcome, low, high in zip(OUTCOMES, (0, accepted), (accepted, accepted + dead), strict=True):
            marks.append({"start": wall, "end": wall + timedelta(seconds=52), "outcome": outcome, "low": low,
                          "high": high, **told})  # fmt: skip
    frame = pd.DataFrame(marks, columns=["start", "end", "outcome", "low", "high", *_TOLD])
    # What the axis reaches at least: one from 0 to 0 would have its zero in the middle.
    return frame.assign(top=0 if frame["high"].any() else 1)


def minutes_chart(frame: pd.DataFrame, height: int = HEIGHT) -> alt.LayerChart:
    """Bars from zero."""
    bars = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=day_axis("start", 80),
            x2="end:T",
            y=alt.Y("low:Q", axis=alt.Axis(title=None, labelExpr=COUNT_AXIS), scale=alt.Scale(zero=True, nice=True)),
            y2="high:Q",
            color=alt.Color("outcome:N", scale=alt.Scale(domain=list(OUTCOMES), range=["primary", "red"]), legend=None),
            tooltip=[alt.Tooltip(f"{name}:N", title=name) for name in _TOLD],
        )
        .properties(name="bars")
    )
    reach = alt.Chart(frame).mark_point(opacity=0, size=0, aria=False).encode(y=alt.Y("top:Q"))
    return styled(alt.LayerChart(layer=[bars, reach]), height)


def _last_hour(asked: Asked) -> Period:
    zone = ZoneInfo(asked.period.timezone)
    end = asked.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    start = end - timedelta(minutes=MINUTES)
    return Period(start.astimezone(zone), end.astimezone(zone), asked.period.timezone)
