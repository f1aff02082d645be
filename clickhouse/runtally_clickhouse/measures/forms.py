"""How a measure is made: aggregates that the store computes (its parts), and the arithmetic that finishes them.

The store adds up, exactly; divisions are made here, so that an answer is the same to the last digit on any engine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, Protocol

Value = int | float | Decimal | datetime | None
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONEY_STEP = Decimal("0.000000001")
BIN_RATIO = 1.02
LEVELS = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Form(Protocol):
    """`parts` are SQL aggregates over a relation. `finish` takes their values in that order, and gives the answer;
    `minutes` is how much of the range they are about.

    `order_sql` is an expression over the parts' aliases that sorts as the finished values do; NULL where they are
    None. `empty` is the answer where there are no runs. `known` is the place of the part that counts the runs
    whose value is known, or None where every run's is.
    """

    @property
    def parts(self) -> tuple[str, ...]: ...

    @property
    def known(self) -> int | None: ...

    @property
    def empty(self) -> Value: ...

    def finish(self, values: Sequence[Any], minutes: float) -> Value: ...

    def order_sql(self, aliases: Sequence[str]) -> str: ...


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things; 0 where there are none."""

    sql: str

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.sql,)

    @property
    def known(self) -> int | None:
        return None

    @property
    def empty(self) -> Value:
        return 0

    def finish(self, values: Sequence[Any], minutes: float) -> Value:
        return int(values[0])

    def order_sql(self, aliases: Sequence[str]) -> str:
        return aliases[0]


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant that an aggregate gives as Unix milliseconds; None where there are no runs."""

    sql: str

    @property
    def parts(self) -> tuple[str, ...]:
        return self.sql, "sum(runs)"

    @property
    def known(self) -> int | None:
        return None

    @property
    def empty(self) -> Value:
        return None

    def finish(self, values: Sequence[Any], minutes: float) -> Value:
        return EPOCH + timedelta(milliseconds=int(values[0])) if values[1] else None

    def order_sql(self, aliases: Sequence[str]) -> str:
        return f"if({aliases[1]} = 0, NULL, {aliases[0]})"


@dataclass(frozen=True, slots=True)
class PerMinute(Count):
    """A number of things for each minute asked about."""

    @property
    def empty(self) -> Value:
        return 0.0

    def finish(self, values: Sequence[Any], minutes: float) -> Value:
        return float(values[0] / minutes)


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of a column of cells; None while nothing of it is known. Decimal columns give a Decimal."""

    column: str

    @property
    def parts(self) -> tuple[str, ...]:
        return f"sum({self.column}_sum)", f"sum({self.column}_known)"

    @property
    def known(self) -> int | None:
        return 1

    @property
    def empty(self) -> Value:
        return None

    def finish(self, values: Sequence[Any], minutes: float) -> Value:
        total: Value = values[0]
        return total if values[1] else None

    def order_sql(self, aliases: Sequence[str]) -> str:
        return f"if({aliases[1]} = 0, NULL, {aliases[0]})"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One aggregate over another; None over 0. `is_money` gives a Decimal of nine places, rounded half-even.

    `counts_known` says that the lower one counts the runs whose value is known.
    """

    upper: str
    lower: str
    is_money: bool = False
    counts_known: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        return self.upper, self.lower

    @property
    def known(self) -> int | None:
        return 1 if self.counts_known else None

    @property
    def empty(self) -> Value:
        return None

    def finish(self, values: Sequence[Any], minutes: float) -> Value:
        upper, lower = values
        if not lower:
            return None
        if not self.is_money:
            return float(upper / lower)
        with localcontext() as context:
            context.prec = 76
            return Decimal(upper / Decimal(lower)).quantize(MONEY_STEP, ROUND_HALF_EVEN)

    def order_sql(self, aliases: Sequence[str]) -> str:
        upper, lower = aliases
        return f"if({lower} = 0, NULL, toFloat64({upper}) / toFloat64({lower}))"


def mean(column: str) -> Ratio:
    """The mean of a column of cells over the runs whose value is known."""
    return Ratio(f"sum({column}_sum)", f"sum({column}_known)", counts_known=True)


@dataclass(frozen=True, slots=True)
class MoneyPerSuccess:
    """The known cost of all runs over those that succeeded; None where no cost is known or none succeeded."""

    @property
    def parts(self) -> tuple[str, ...]:
        return "sum(cost_usd_sum)", "sumIf(runs, shown_status = 'succeeded')", "sum(cost_usd_known)"

    @property
    def known(self) -> int | None:
        return 2

    @property
    def empty(self) -> Value:
        return None

    def finish(self, values: Sequence[Any], minutes: float) -> Value:
        return Ratio("", "", is_money=True).finish(values[:2], minutes) if values[2] else None

    def order_sql(self, aliases: Sequence[str]) -> str:
        cost, succeeded, known = aliases
        return f"if({succeeded} = 0 OR {known} = 0, NULL, toFloat64({cost}) / toFloat64({succeeded}))"


@dataclass(frozen=True, slots=True)
class Percentile:
    """The nearest-rank percentile of a column's histogram: within 1% of the exact one, zero and small numbers exact."""

    column: str
    level: str

    @property
    def parts(self) -> tuple[str, ...]:
        levels = ", ".join(str(level) for level in LEVELS.values())
        bins = f"quantilesExactWeightedArray({levels})({self.column}_bins, {self.column}_counts)"
        return bins, f"sum({self.column}_known)"

    @property
    def known(self) -> int | None:
        return 1

    @property
    def empty(self) -> Value:
        return None

    def finish(self, values: Sequence[Any], minutes: float) -> Value:
        bins, known = values
        return bin_value(int(bins[self._place])) if known else None

    def order_sql(self, aliases: Sequence[str]) -> str:
        return f"if({aliases[1]} = 0, NULL, {aliases[0]}[{self._place + 1}])"

    @property
    def _place(self) -> int:
        return list(LEVELS).index(self.level)


def bin_value(number: int) -> float:
    """What stands for a bin: its only whole number, else its geometric middle, at most 1% from all in it."""
    if number == 0:
        return 0.0
    lowest = math.ceil(BIN_RATIO ** (number - 1))
    if lowest + 1 >= BIN_RATIO**number:
        return float(lowest)
    return float(BIN_RATIO ** (number - 0.5))
