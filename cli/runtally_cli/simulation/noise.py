"""What happens to records on their way: repeats, delays, disorder, wrong clocks and garbage, on request."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from heapq import heappop, heappush
from random import Random
from zlib import crc32

from runtally_cli.simulation.bad_records import broken
from runtally_cli.simulation.record import RUNS, Record, instant_text
from runtally_cli.simulation.seasons import DAY_US, to_us

_SHUFFLED_WITHIN_US = 30_000_000
_LATE_MEDIAN_US = 40 * 60_000_000
_REPEATED_WITHIN_US = 90_000_000


@dataclass(frozen=True, slots=True)
class Noise:
    """Shares of the records, 0 to 1. `clock_skew` is a share of the runs: they end before they start.

    `bad_records` come on top: for every good record one may be followed by a broken copy.
    """

    duplicates: float = 0.0
    late: float = 0.0
    shuffled: float = 0.0
    clock_skew: float = 0.0
    bad_records: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 <= getattr(self, field.name) <= 1:
                raise ValueError(f"{field.name} must be a share from 0 to 1, got {getattr(self, field.name)}")


QUIET = Noise()


def with_noise(records: Iterable[Record], noise: Noise, seed: int) -> Iterator[Record]:
    """The records in the order in which they arrive. What is held back comes once its time has passed.

    Holds as many records as are late at one time; the same noise for the same records and seed.
    """
    if noise == QUIET:
        yield from records
        return
    rng = Random(f"noise/{seed}")
    held: list[tuple[int, int, Record]] = []
    for number, record in enumerate(records):
        while held and held[0][0] <= record.event_us:
            yield heappop(held)[2]
        if noise.clock_skew and _skewed(record, noise.clock_skew, seed):
            record = _with_wrong_clock(record)
        delay_us = _delay_us(noise, rng)
        if delay_us:
            heappush(held, (record.event_us + delay_us, 3 * number, record))
        else:
            yield record
        if rng.random() < noise.duplicates:
            again_us = record.event_us + delay_us + int(rng.random() * _REPEATED_WITHIN_US)
            heappush(held, (again_us, 3 * number + 1, record))
        if rng.random() < noise.bad_records:
            heappush(held, (record.event_us, 3 * number + 2, broken(record, rng)))
    while held:
        yield heappop(held)[2]


def _delay_us(noise: Noise, rng: Random) -> int:
    luck = rng.random()
    if luck < noise.late:
        return min(int(_LATE_MEDIAN_US * math.exp(1.1 * rng.gauss(0, 1))), DAY_US)
    if luck < noise.late + (1 - noise.late) * noise.shuffled:
        return 1 + int(rng.random() * _SHUFFLED_WITHIN_US)
    return 0


def _skewed(record: Record, share: float, seed: int) -> bool:
    """Decided by the run, so that all its snapshots agree."""
    return record.topic == RUNS and crc32(record.key, seed & 0xFFFFFFFF) < share * 2**32


def _with_wrong_clock(record: Record) -> Record:
    """The end lies up to two minutes before the start, and no monotonic clock tells the duration."""
    run = json.loads(record.value)
    if "finished_at" not in run:
        return record
    start_us = to_us(datetime.fromisoformat(run["started_at"]))
    run["finished_at"] = instant_text(start_us - 1_000_000 - crc32(record.key) % 120_000 * 1000)
    run.pop("duration_ms", None)
    return record._replace(value=json.dumps(run, ensure_ascii=False, separators=(",", ":")).encode())
