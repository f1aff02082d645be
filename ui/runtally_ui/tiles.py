"""The six figures at the top: value, change against the period before, and what they rest on."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from runtally_ui import formats
from runtally_ui.answers import Totals

NOT_AVAILABLE = "N/A"
ENOUGH_RUNS = 20
"""Below this many runs in either period a change would be noise."""

Judgement = Literal["off", "normal", "inverse"]
"""Whether more is neither good nor bad, good, or bad."""


@dataclass(frozen=True)
class Tile:
    """One figure. `change` is None when there is nothing sound to compare with; `versus` then says why."""

    label: str
    value: str
    change: str | None
    judgement: Judgement
    versus: str
    rests_on: str
    explanation: str


def tiles(
    now: Totals, then: Totals | None, days: int, *, by_status: bool, begun_within: date | None = None
) -> list[Tile]:
    """The tiles of the Overview. `then` is None when the period before could not be loaded;
    `by_status`: a status filter is on, so that rates are those of the filtered runs only;
    `begun_within`: the day of the first run at all, when it lies inside the period before.
    """
    comparable, versus = _comparison(now, then, days, begun_within)
    earlier = then if comparable else None
    return [
        _runs(now, earlier, versus, days),
        _success_rate(now, earlier, versus, by_status=by_status),
        _total_cost(now, earlier, versus),
        _cost_per_run(now, earlier, versus),
        _response_time(now, earlier, versus),
        _tokens(now, earlier, versus),
    ]


def cost_per_run(totals: Totals) -> Decimal | None:
    """Known cost over the runs it is known for."""
    if totals.cost_usd is None or totals.coverage.cost == 0:
        return None
    return totals.cost_usd / totals.coverage.cost


def _comparison(now: Totals, then: Totals | None, days: int, begun_within: date | None) -> tuple[bool, str]:
    if then is None:
        return False, "no comparison: the period before could not be loaded"
    if then.runs == 0:
        return False, "no earlier data"
    if begun_within is not None:
        return False, f"runs begin {formats.short_day(begun_within)}"
    if min(now.runs, then.runs) < ENOUGH_RUNS:
        return False, f"too few runs to compare (under {ENOUGH_RUNS})"
    return True, f"vs prev. {days}d"


def _runs(now: Totals, then: Totals | None, versus: str, days: int) -> Tile:
    a_day = now.runs / days
    rests_on = f"{formats.count(now.root_runs)} root · {a_day:,.0f} a day"
    return Tile(
        "Runs",
        formats.count(now.runs),
        formats.relative_change(now.runs, then.runs) if then else None,
        "off",
        versus,
        rests_on,
        f"{now.runs:,} runs, of which {now.root_runs:,} were not started by another run.",
    )


def _success_rate(now: Totals, then: Totals | None, versus: str, *, by_status: bool) -> Tile:
    counts = now.status_counts
    rests_on = f"{formats.count(counts.succeeded)} of {formats.count(counts.ended)} ended"
    if by_status:
        rests_on += ", filtered"
    change = None
    if then and then.success_rate is not None and now.success_rate is not None:
        change = formats.point_change(now.success_rate, then.success_rate)
    return Tile(
        "Success rate",
        _or_na(now.success_rate is not None, formats.share(now.success_rate)),
        change,
        "normal",
        versus if change is not None or then is None else "no earlier rate",
        rests_on if counts.ended else "no run has ended yet",
        "Succeeded / (succeeded + failed + timed out + cancelled)"
        + (", of the filtered runs only: the status filter is on." if by_status else "."),
    )


def _total_cost(now: Totals, then: Totals | None, versus: str) -> Tile:
    known = now.cost_usd is not None
    change = None
    if then and then.cost_usd is not None and now.cost_usd is not None:
        change = formats.relative_change(float(now.cost_usd), float(then.cost_usd))
    return Tile(
        "Total cost",
        _or_na(known, formats.money(now.cost_usd)),
        change,
        "off",
        versus if change is not None or then is None else "no earlier cost",
        f"known for {_known(now.coverage.cost, now.runs)} of runs" if known else "no run has a known cost",
        f"The cost of {formats.share_of(now.coverage.cost, now.runs)} runs is known; others are left out.",
    )


def _cost_per_run(now: Totals, then: Totals | None, versus: str) -> Tile:
    value = cost_per_run(now)
    earlier = cost_per_run(then) if then else None
    change = None
    if value is not None and earlier is not None:
        change = formats.relative_change(float(value), float(earlier))
    return Tile(
        "Cost per run",
        _or_na(value is not None, formats.money(value)),
        change,
        "inverse",
        versus if change is not None or then is None else "no earlier cost",
        f"over {formats.plural(now.coverage.cost, 'priced run')}" if value is not None else "no priced run",
        "Known cost divided by the runs it is known for.",
    )


def _response_time(now: Totals, then: Totals | None, versus: str) -> Tile:
    value = now.avg_duration_ms
    change = None
    if value is not None and then and then.avg_duration_ms is not None:
        change = formats.relative_change(value, then.avg_duration_ms)
    timed = formats.plural(now.coverage.duration, "timed run")
    return Tile(
        "Avg response",
        _or_na(value is not None, formats.duration(value)),
        change,
        "inverse",
        versus if change is not None or then is None else "no earlier time",
        f"over {timed}" if value is not None else "no run has a known duration",
        "Mean duration of the runs whose duration is known.",
    )


def _tokens(now: Totals, then: Totals | None, versus: str) -> Tile:
    value = now.total_tokens
    change = None
    if value is not None and then and then.total_tokens is not None:
        change = formats.relative_change(value, then.total_tokens)
    inside, outside = formats.count(now.input_tokens), formats.count(now.output_tokens)
    return Tile(
        "Tokens",
        _or_na(value is not None, formats.count(value)),
        change,
        "off",
        versus if change is not None or then is None else "no earlier tokens",
        f"{inside} in · {outside} out" if value is not None else "no run reports tokens",
        f"Tokens of {formats.share_of(now.coverage.tokens, now.runs)} runs are known.",
    )


def _known(part: int, whole: int) -> str:
    return formats.share(part / whole) if whole else formats.MISSING


def _or_na(computable: bool, text: str) -> str:
    return text if computable else NOT_AVAILABLE
