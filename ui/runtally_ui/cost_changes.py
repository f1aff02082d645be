"""Why the cost is another one than before: by each group, and of each how much by more runs, how much by dearer ones.

A group's cost is its runs of known cost times their mean cost. Both factors' parts are taken at the mean of the two
periods, so that together they are the whole change, to the last digit that is shown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryRow
from runtally_ui.chart_theme import styled

SHOWN: Final = 10
HEIGHT: Final = 320
PARTS: Final = ("Runs", "Mix of models", "Cost per run")
_TOLD: Final = ("Change", "By runs", "By mix of models", "By cost per run", "Cost", "Before", "Runs")
_ZERO: Final = Decimal(0)
_SIGNED_AXIS: Final = (
    "datum.value === 0 ? '$0' : (datum.value < 0 ? '−$' : '+$') + (abs(datum.value) >= 1e4"
    " ? format(abs(datum.value) / 1e3, ',.1~f') + 'k' : abs(datum.value) >= 1 ? format(abs(datum.value), ',.2~f')"
    " : format(abs(datum.value), '.2~r'))"
)


@dataclass(frozen=True)
class Change:
    """Of one group. `by_runs` and `by_price` add up to the whole; `by_mix` is the part of `by_price` that other models
    make (`model_mix`).
    """

    name: str
    now: Decimal
    then: Decimal
    by_runs: Decimal
    by_price: Decimal
    runs_now: int
    runs_then: int
    key: str = ""
    by_mix: Decimal = _ZERO

    @property
    def parts(self) -> tuple[Decimal, Decimal, Decimal]:
        """In the order of `PARTS`."""
        return self.by_runs, self.by_mix, self.by_price - self.by_mix

    @property
    def whole(self) -> Decimal:
        return self.now - self.then


def changes(
    now: Sequence[QueryRow],
    then: Sequence[QueryRow],
    identity: Callable[[QueryRow], str],
    name: Callable[[QueryRow], str],
) -> list[Change]:
    """The greatest first, rises as well as falls; groups of one period only are there, too."""
    before = {identity(row): row for row in then}
    here = {identity(row): row for row in now}
    found = [
        replace(_change(name(here[key] if key in here else before[key]), here.get(key), before.get(key)), key=key)
        for key in dict.fromkeys([*here, *before])
    ]
    return sorted((one for one in found if one.whole), key=lambda one: (-abs(one.whole), one.name))


def in_sum(found: Sequence[Change]) -> tuple[Decimal, Decimal, Decimal]:
    """The whole change, and its parts by runs and by the cost of a run."""
    by_runs = sum((one.by_runs for one in found), _ZERO)
    by_price = sum((one.by_price for one in found), _ZERO)
    return by_runs + by_price, by_runs, by_price


def signed_money(value: Decimal) -> str:
    """`+$12.10`, `−$0.04`, `$0`."""
    if not value:
        return "$0"
    return f"{'+' if value > 0 else '−'}{formats.money(abs(value))}"


def changes_frame(found: Sequence[Change]) -> pd.DataFrame:
    """A row for each part of each of the ten greatest, one beside the other's end."""
    marks = [
        {
            "rank": rank, "group": one.name, "part": part, "start": float(start), "end": float(end),
            "Change": signed_money(one.whole), "By runs": signed_money(one.by_runs),
            "By mix of models": signed_money(one.by_mix), "By cost per run": signed_money(one.parts[2]),
            "Cost": formats.full_money(one.now),
            "Before": formats.full_money(one.then),
            "Runs": f"{formats.full_count(one.runs_now)}, before {formats.full_count(one.runs_then)}",
        }
        for rank, one in enumerate(found[:SHOWN])
        for part, start, end in _spans(one)
    ]  # fmt: skip
    return pd.DataFrame(marks, columns=["rank", "group", "part", "start", "end", *_TOLD])


def changes_chart(frame: pd.DataFrame, height: int = HEIGHT) -> alt.LayerChart:
    """Bars from zero to both sides. What rises and what falls of a group lie on their own sides."""
    side = alt.Y(
        "group:N", sort=alt.EncodingSortField(field="rank", op="min"),
        axis=alt.Axis(title=None, labelLimit=170, labelFontSize=12, grid=False),
    )  # fmt: skip
    base = alt.Chart(frame).encode(y=side)
    bars = base.mark_bar(size=16).encode(
        x=alt.X("start:Q", axis=alt.Axis(title=None, labelExpr=_SIGNED_AXIS, grid=True)),
        x2="end:Q",
        color=alt.Color("part:N", scale=alt.Scale(domain=list(PARTS), range=["primary", "gray", "orange"])),
        tooltip=[alt.Tooltip(f"{name}:N", title="Group" if name == "group" else name) for name in ("group", *_TOLD)],
    )
    zero = alt.Chart(frame).mark_rule(strokeWidth=1).encode(x=alt.datum(0), color=alt.value("gray"))
    return styled(alt.LayerChart(layer=[bars.properties(name="bars"), zero]), height)


def changes_rows(found: Sequence[Change], word: str) -> list[dict[str, object]]:
    """For downloads: every group, unrounded."""
    return [
        {
            word: one.name, "cost_usd": str(one.now), "cost_usd_before": str(one.then), "change_usd": str(one.whole),
            "by_runs_usd": str(one.by_runs), "by_model_mix_usd": str(one.by_mix),
            "by_cost_per_run_usd": str(one.parts[2]),
            "runs_of_known_cost": one.runs_now, "runs_of_known_cost_before": one.runs_then,
        }
        for one in found
    ]  # fmt: skip


def priced_runs(row: QueryRow) -> int:
    """Of how many runs the cost is known."""
    return round((row.number("cost_coverage") or 0) * (row.number("runs") or 0))


def figures(row: QueryRow | None) -> tuple[Decimal, int]:
    """The cost, and of how many runs it is known."""
    if row is None:
        return _ZERO, 0
    return row.exact("cost_usd") or _ZERO, priced_runs(row)


def _change(name: str, now: QueryRow | None, then: QueryRow | None) -> Change:
    cost, runs = figures(now)
    cost_before, runs_before = figures(then)
    whole = cost - cost_before
    if not runs or not runs_before:
        # What is new, or gone, has no price on one side: all of it is by its runs.
        return Change(name, cost, cost_before, whole, _ZERO, runs, runs_before)
    by_price = (cost / runs - cost_before / runs_before) * (runs + runs_before) / 2
    return Change(name, cost, cost_before, whole - by_price, by_price, runs, runs_before)


def _spans(one: Change) -> list[tuple[str, Decimal, Decimal]]:
    """What rises to the right of zero, what falls to the left of it; without another mix there is none to draw."""
    ends = {True: _ZERO, False: _ZERO}
    spans = []
    for part, size in zip(PARTS, one.parts, strict=True):
        if size or part != PARTS[1]:
            start = ends[size > 0]
            ends[size > 0] = start + size
            spans.append((part, start, start + size))
    return spans


def unpriced_rows(rows: Sequence[QueryRow]) -> list[Mapping[str, object]]:
    """The groups with how many of their runs have no known cost, those with none left out."""
    counted = [(row, int(row.number("runs") or 0) - priced_runs(row)) for row in rows]
    return [{**row.cells, "unknown_cost_runs": unknown} for row, unknown in counted if unknown > 0]
