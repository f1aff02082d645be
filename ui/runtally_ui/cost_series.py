"""Cost by group over time: stacked bars, the dearest groups by themselves and all others as one."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.chart_data import Palette
from runtally_ui.chart_theme import MONEY_AXIS, day_axis, hiding_legend, styled
from runtally_ui.colours import OTHER, SLOTS, series_domain
from runtally_ui.groupings import Grouping
from runtally_ui.trend_data import BAR_SHARE, Step, steps
from runtally_ui.trends import FADED

HEIGHT: Final = 270
_TOLD: Final = ("Step", "Group", "Cost", "Runs", "All groups")


@dataclass(frozen=True)
class CostSeries:
    """Which series a row belongs to, the nine entries of the colour scale, and rows of the groups by their series."""

    of: Callable[[QueryRow], tuple[int, str]]
    domain: Sequence[str]
    groups: Mapping[str, Sequence[QueryRow]] = field(default_factory=dict)

    def only(self, series: str) -> QueryRow | None:
        """A row of the one group that is drawn as this series; None where several are. Agents tell by their colours."""
        found = self.groups.get(series, ())
        return found[0] if len(found) == 1 else None


def series_of(answer: QueryAnswer, how: Grouping, palette: Palette) -> CostSeries:
    """Agents have the colours that they have everywhere; other groups have theirs by their cost in this answer."""
    if "agent_id" in how.dimensions:

        def agent(row: QueryRow) -> tuple[int, str]:
            key = (row.text("workspace_id") or None, row.text("agent_id") or None)
            return palette.slot(*key), palette.series(*key)

        return CostSeries(agent, series_domain(palette.slots, palette.names))
    ranked = _dearest(answer, how)
    names = {identity: _named(row, how, palette) for identity, row in ranked.items()}
    slots = {identity: slot for slot, identity in enumerate(names)}

    def group(row: QueryRow) -> tuple[int, str]:
        identity = how.identity(row)
        return slots.get(identity, SLOTS), names.get(identity, OTHER)

    free = [f"\u200b{slot}" for slot in range(len(names), SLOTS)]
    groups: dict[str, list[QueryRow]] = defaultdict(list)
    for identity, name in names.items():
        groups[name].append(ranked[identity])
    return CostSeries(group, [*names.values(), *free, OTHER], groups)


def cost_series_frame(answer: QueryAnswer, series: CostSeries, now: datetime) -> pd.DataFrame:
    """One row per step and series of known cost, in the order of the colour slots."""
    rows = [row for row in answer.rows if row.time is not None]
    members: dict[tuple[datetime, int, str], list[QueryRow]] = defaultdict(list)
    known: dict[datetime, Step] = {}
    for row, step in zip(rows, steps(rows, answer.meta.granularity, now), strict=True):
        known[step.start] = step
        members[step.start, *series.of(row)].append(row)
    totals: dict[datetime, Decimal] = defaultdict(Decimal)
    for (start, _, _), own in members.items():
        totals[start] += _cost(own) or Decimal(0)
    marks = [
        _mark(known[start], slot, name, cost, own, totals[start])
        for (start, slot, name), own in sorted(members.items(), key=lambda item: item[0])
        if (cost := _cost(own)) is not None
    ]
    return pd.DataFrame(marks, columns=["key", "start", "bar_end", "done", "slot", "series", "cost", *_TOLD])


def cost_series_chart(
    frame: pd.DataFrame, domain: Sequence[str], shown: Sequence[str], height: int = HEIGHT
) -> alt.Chart:
    """`domain` has nine entries; the legend lists those in `shown`, and a click on one hides its group.

    The page reads the selections `step` and `zoom` back, as those of the trends.
    """
    hidden, legend = hiding_legend(shown)
    bars: alt.Chart = (
        alt.Chart(frame)
        .transform_filter(~hidden)
        # Vega-Lite stacks no bars of its own that have a start and an end.
        .transform_stack(stack="cost", as_=["y0", "y1"], groupby=["key"], sort=[alt.SortField("slot", "ascending")])
        .mark_bar(y2Offset=1, cornerRadius=1)
        .encode(
            x=day_axis("start", 200),
            x2="bar_end:T",
            y=alt.Y("y0:Q", axis=alt.Axis(title=None, labelExpr=MONEY_AXIS), scale=alt.Scale(zero=True)),
            y2="y1:Q",
            color=alt.Color("series:N", scale=alt.Scale(domain=list(domain)), legend=legend),
            opacity=alt.Opacity("done:Q", scale=alt.Scale(domain=[0, 1], range=[FADED, 1]), legend=None),
            tooltip=[alt.Tooltip(f"{name}:N", title=name) for name in _TOLD],
        )
        .add_params(
            hidden,
            alt.selection_point(name="step", fields=["key", "series"]),
            alt.selection_interval(name="zoom", encodings=["x"]),
        )
    )
    # Altair would name the view after its data; every filter would then rebuild the chart.
    return styled(bars.properties(name="marks"), height)


def shown_in(frame: pd.DataFrame, domain: Sequence[str]) -> list[str]:
    """The series that the legend lists, in the order of their colours."""
    present = set(frame["series"])
    return [name for name in domain if name in present]


def _dearest(answer: QueryAnswer, how: Grouping) -> Mapping[str, QueryRow]:
    costs: dict[str, Decimal] = defaultdict(Decimal)
    rows: dict[str, QueryRow] = {}
    for row in answer.rows:
        if not row.other:
            costs[how.identity(row)] += row.exact("cost_usd") or Decimal(0)
            rows.setdefault(how.identity(row), row)
    return {identity: rows[identity] for identity in sorted(costs, key=lambda one: (-costs[one], one))[:SLOTS]}


def _named(row: QueryRow, how: Grouping, palette: Palette) -> str:
    name = how.name(row, palette)
    return f"{how.word} {name}" if name == OTHER else name


def _cost(members: Sequence[QueryRow]) -> Decimal | None:
    known = [cost for member in members if (cost := member.exact("cost_usd")) is not None]
    return sum(known, Decimal(0)) if known else None


def _mark(
    step: Step, slot: int, name: str, cost: Decimal, members: Sequence[QueryRow], total: Decimal
) -> dict[str, object]:
    return {
        "key": step.start.isoformat(),
        "start": step.start,
        "bar_end": step.start + (step.end - step.start) * BAR_SHARE,
        "done": 1 if step.done else 0,
        "slot": slot,
        "series": name,
        "cost": float(cost),
        "Step": step.text,
        "Group": name,
        "Cost": formats.full_money(cost),
        "Runs": formats.full_count(sum(int(member.number("runs") or 0) for member in members)),
        "All groups": formats.full_money(total),
    }
