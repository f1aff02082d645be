"""Finding the rows that the store refuses, by halves, and proving each of them guilty. Pure: it names what to try."""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

FEWEST_TOO_MANY = 100
SHARE_TOO_MANY = 0.05


class NotBadData(Exception):
    """The store refuses what cannot all be bad: a person must look. No row may become a dead letter for it."""


class TooManyRefused(Exception):
    """More rows are refused than may be, though the store takes a known-good one: it is they that are bad."""

    def __init__(self, rows: Collection[int]) -> None:
        super().__init__(f"the store refuses {len(rows)} rows")
        self.rows = rows


@dataclass(frozen=True, slots=True)
class TryRows:
    """Insert the rows [first, end)."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class TryControl:
    """Insert a row that the store has accepted before, or one that is certainly good."""


Step = TryRows | TryControl


class Bisection:
    """The search through the rows of one insert that was refused as a whole.

    Do `next_step`, report `accepted` or `refused`, until there is no step left. A step that failed for another
    reason, or whose fate is not known, is not reported and comes again. A row is dead when it was refused alone,
    then a known-good row was accepted, and then it was refused alone again. k dead of n rows cost about
    2k(1 + log2(n/k)) inserts.

    `too_many` tells of the rows refused so far whether they are more than may be dead: the search then ends, once
    a known-good row was accepted. Without it more than 5% of the rows, and at least 100, are no bad data.
    """

    def __init__(self, rows: int, reason: str, too_many: Callable[[Collection[int]], object] | None = None) -> None:
        self._rows = rows
        self._too_many = too_many
        self._has_too_many = False
        self._look_at = 1
        self._ranges: list[TryRows] = []
        self._suspects: deque[int] = deque()
        self._control_accepted = False
        self._dead: dict[int, str] = {}
        self._narrow(TryRows(0, rows), reason)

    @property
    def dead(self) -> Mapping[int, str]:
        """The rows that are proven bad so far, each with the store's reason."""
        return self._dead

    def next_step(self) -> Step | None:
        """What to try now; None when every row is either accepted or dead."""
        if self._has_too_many:
            return TryControl()
        if self._ranges:
            return self._ranges[-1]
        if not self._suspects:
            return None
        return TryRows(self._suspects[0], self._suspects[0] + 1) if self._control_accepted else TryControl()

    def accepted(self) -> None:
        """The store took what `next_step` names. Raises `TooManyRefused` when that ends the search."""
        if self._has_too_many:
            raise TooManyRefused(sorted({*self._suspects, *self._dead}))
        if self._ranges:
            self._ranges.pop()
        elif self._control_accepted:
            self._control_accepted = False
            self._suspects.popleft()
        else:
            self._control_accepted = True

    def refused(self, reason: str) -> None:
        """The store refused what `next_step` names, as bad data.

        Raises `NotBadData` when that was the known-good row, or when too many rows are refused. Begin anew then.
        """
        if self._ranges and not self._has_too_many:
            self._narrow(self._ranges.pop(), reason)
        elif self._control_accepted and not self._has_too_many:
            self._control_accepted = False
            self._dead[self._suspects.popleft()] = reason
        else:
            raise NotBadData(f"the store refuses a known-good row: {reason}")

    def _narrow(self, refused: TryRows, reason: str) -> None:
        if refused.end - refused.first > 1:
            middle = (refused.first + refused.end) // 2
            self._ranges += [TryRows(middle, refused.end), TryRows(refused.first, middle)]
            return
        self._suspects.append(refused.first)
        suspects = len(self._suspects)
        if self._too_many is not None:
            if suspects >= self._look_at:  # ever less often, as each look goes over all of them
                self._look_at = suspects + max(1, suspects // 10)
                self._has_too_many = bool(self._too_many(self._suspects))
            return
        if suspects >= FEWEST_TOO_MANY and suspects > SHARE_TOO_MANY * self._rows:
            raise NotBadData(f"the store refuses {suspects} rows or more of a batch of {self._rows}: {reason}")
