"""Which buckets of a range are read how: the rule of bucket_state.sql over the clean buckets of a store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Reader
from runtally_clickhouse.rollup_levels import DAY, HOUR, LEVELS, QUARTER_HOUR, RollupLevel


@dataclass(frozen=True, slots=True)
class CleanBuckets:
    """The current generation of each clean bucket, by level and Unix seconds, of the whole days of a range."""

    from_s: int
    to_s: int
    generations: Mapping[RollupLevel, Mapping[int, int]]

    def covers(self, from_s: int, to_s: int) -> bool:
        return self.from_s <= from_s and to_s <= self.to_s


@dataclass(slots=True)
class BucketsToRead:
    """What bucket_state.sql gives: (bucket, generation) of each level, and the quarter hours to be read run by run."""

    rolled_up: dict[RollupLevel, list[tuple[int, int]]] = field(default_factory=lambda: {level: [] for level in LEVELS})
    raw: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.raw) + sum(map(len, self.rolled_up.values()))


def whole_days(from_ms: int, to_ms: int) -> tuple[int, int]:
    """The days that a range of instants touches: the first's start and the last's end, in Unix seconds."""
    return DAY.start_of(from_ms // 1000), DAY.start_of(-(-to_ms // 1000) + DAY.seconds - 1)


def read_clean_buckets(reader: Reader, from_s: int, to_s: int) -> CleanBuckets:
    """Those of whole days. Blocks; raises as `Reader.query`."""
    layouts = {"rollup_layout": QUARTER_HOUR.layout, "hour_layout": HOUR.layout, "day_layout": DAY.layout}
    row = reader.query(query_text("clean_of_each_width"), {"from_s": from_s, "to_s": to_s, **layouts})[0]
    found: dict[int, dict[int, int]] = {level.seconds: {} for level in LEVELS}
    for seconds, start_s, generation in zip(row["bucket_seconds"], row["starts_s"], row["generations"], strict=True):
        found[seconds][start_s] = generation
    return CleanBuckets(from_s, to_s, {level: found[level.seconds] for level in LEVELS})


def buckets_to_read(clean: CleanBuckets, parameters: Mapping[str, Any], prefix: str = "") -> BucketsToRead:
    """The widest clean buckets that lie in the range whole, for a statement's parameters; `prefix` is its range's."""
    question = _Question.of(parameters, prefix)
    found = BucketsToRead()
    first, last = DAY.start_of(question.from_ms // 1000), -(-question.to_ms // 1000)
    for day in range(first, last, DAY.seconds):
        _add(DAY, day, clean, question, found)
    return found


@dataclass(frozen=True, slots=True)
class _Question:
    """The parameters of bucket_state.sql."""

    from_ms: int
    to_ms: int
    cut_ms: int | None
    layouts: Mapping[RollupLevel, int]
    split: Mapping[RollupLevel, frozenset[int]]

    @classmethod
    def of(cls, parameters: Mapping[str, Any], prefix: str) -> "_Question":
        return cls(
            parameters[f"{prefix}from_ms"],
            parameters[f"{prefix}to_ms"],
            parameters["stalled_before_ms"] if parameters["tells_stalled"] else None,
            {QUARTER_HOUR: QUARTER_HOUR.layout, HOUR: parameters["hour_layout"], DAY: parameters["day_layout"]},
            {
                QUARTER_HOUR: frozenset(),
                HOUR: frozenset(parameters[f"{prefix}split_hours_ms"]),
                DAY: frozenset(parameters[f"{prefix}split_days_ms"]),
            },
        )

    def allows(self, level: RollupLevel, start_s: int) -> bool:
        """Whether cells of this bucket tell all that is asked of its runs."""
        start_ms, end_ms = 1000 * start_s, 1000 * start_s + level.ms
        is_whole = self.from_ms <= start_ms and end_ms <= self.to_ms
        is_cut = self.cut_ms is not None and start_ms < self.cut_ms < end_ms
        return bool(self.layouts[level]) and is_whole and not is_cut and start_ms not in self.split[level]


def _add(level: RollupLevel, start_s: int, clean: CleanBuckets, question: _Question, found: BucketsToRead) -> None:
    generation = clean.generations[level].get(start_s)
    if generation is not None and question.allows(level, start_s):
        found.rolled_up[level].append((start_s, generation))
    elif level is QUARTER_HOUR:
        if start_s * 1000 < question.to_ms and (start_s + level.seconds) * 1000 > question.from_ms:
            found.raw.append(start_s)
    else:
        narrower = HOUR if level is DAY else QUARTER_HOUR
        for start in range(start_s, start_s + level.seconds, narrower.seconds):
            _add(narrower, start, clean, question, found)
