"""How a statement groups its rows: the sets of columns, and the labels that tell its rows apart. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grouping:
    """`labels` are columns as SELECT has them; together they tell each row of each set from all others."""

    sets: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(label.rpartition(" AS ")[2] for label in self.labels)

    def sql(self, *more: str) -> str:
        """What follows GROUP BY, with `more` columns in each set."""
        written = [", ".join([*columns, *more]) for columns in self.sets]
        if self.sets == (self.labels,):
            return written[0]
        return f"GROUPING SETS ({', '.join(f'({columns})' for columns in written)})"


def grouping_of(keys: Sequence[str], *, has_steps: bool, folds_steps: bool, alone: bool = False) -> Grouping:
    """All runs together, each group over the range, and each group in each step; without what steps fold to.

    With `alone`, the groups and nothing else.
    """
    other = ("is_other", *keys) if keys else ()
    sets: list[tuple[str, ...]] = [] if alone else [()]
    sets += [other] if keys and not folds_steps else []
    if not has_steps:
        total = "grouping(is_other)" if keys else "1"
        return Grouping(
            tuple(sets),
            (f"{total} AS is_total", "1 AS is_whole_range", *(other or ("0 AS is_other",)), "toInt64(0) AS step_ms"),
        )
    total = "grouping(is_other)" if keys else "grouping(step_ms)"
    return Grouping(
        (*sets, (*other, "step_ms")),
        (
            f"{total} AS is_total",
            "grouping(step_ms) AS is_whole_range",
            *(other or ("0 AS is_other",)),
            "step_ms",
        ),
    )


def grouping_of_each_key(keys: Sequence[str]) -> Grouping:
    """All runs together, and groups that differ in one key each: `without_0`... say in which they do not."""
    labels = grouping_of(keys, has_steps=False, folds_steps=False).labels
    without = (f"grouping({key}) AS without_{place}" for place, key in enumerate(keys))
    return Grouping(((), *(("is_other", key) for key in keys)), (*labels, *without))
