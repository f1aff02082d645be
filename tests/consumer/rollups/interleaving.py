"""Writers, refreshers, clean-up and merges, each a step at a time in a drawn order, over a real store.

Every actor may be killed after any of its steps, and a refresher may sleep between any two of them for as long as it
likes (a zombie). After each step the answer through the rollups is compared with the runs. A batch that was inserted
and not marked is not acknowledged yet: its buckets may be told with or without it until somebody reads it again.
"""

import random
from collections.abc import Callable, Iterator

import pyarrow as pa
from clickhouse.rollup_reading import clean_buckets, raw_sums_by_bucket, sums_by_bucket
from clickhouse.runs import insert, snapshot
from runtally.events import RunSnapshot
from runtally_clickhouse.client import Store
from runtally_clickhouse.rollups import (
    BUCKET_SECONDS,
    RecomputeLimits,
    dirty_buckets,
    drop_generations,
    new_generation,
    publish,
    recompute,
    superseded_generations,
)
from runtally_consumer.rollups.dropping import GenerationClock
from runtally_consumer.rollups.planning import newest_slice

FIRST_S = 1_795_251_600
BUCKETS = [FIRST_S + BUCKET_SECONDS * place for place in range(6)]
END_S = BUCKETS[-1] + BUCKET_SECONDS
LIMITS = RecomputeLimits(max_memory_bytes=2**30, spill_bytes=2**29, max_threads=2)
KEEP_SECONDS = 20.0
TABLES = ("agent_runs", "bucket_changes", "bucket_rollups", "run_rollup")
Batch = tuple[frozenset[int], tuple[RunSnapshot, ...]]


class Story:
    """One drawn sequence. Its time is what the clean-up takes for a monotonic clock."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._drawn = random.Random(seed)
        self._time = 0.0
        self._number = 0
        self._unacknowledged: list[Batch] = []
        self._clock = GenerationClock(KEEP_SECONDS)
        self.clean_comparisons = 0
        self.dropped = 0

    def play(self, steps: int) -> None:
        """That many steps of actors, each followed by a comparison."""
        begin: list[Callable[[], Iterator[None]]] = [self._write, self._refresh, self._refresh, self._drop]
        actors: list[Iterator[None]] = []
        for _ in range(steps):
            self._time += self._drawn.uniform(0, 6)
            while len(actors) < 4:
                actors.append(self._drawn.choice(begin)())
            actor = self._drawn.choice(actors)
            killed = self._drawn.random() < 0.06
            if self._drawn.random() < 0.05:
                self._store.command(f"OPTIMIZE TABLE {self._drawn.choice(TABLES)} FINAL")
            if killed or next(actor, "ended") == "ended":
                actors.remove(actor)
                actor.close()  # type: ignore[attr-defined] # they are generators
            self._compare()
        for actor in actors:
            for _ in actor:
                self._compare()

    def settle(self) -> None:
        """What was not acknowledged is read again, and a refresher has time for all."""
        for batch in list(self._unacknowledged):
            for _ in self._deliver(batch):
                pass
        while dirty_buckets(self._store, 10).listed:
            for _ in self._refresh():
                self._compare()
        self._compare()
        assert clean_buckets(self._store) >= set(raw_sums_by_bucket(self._store, FIRST_S, END_S))

    def _compare(self) -> None:
        told = sums_by_bucket(self._store, FIRST_S, END_S)
        truth = raw_sums_by_bucket(self._store, FIRST_S, END_S)
        in_between = {bucket for touched, _ in self._unacknowledged for bucket in touched}
        for bucket in set(BUCKETS) - in_between:
            assert told.get(bucket) == truth.get(bucket), (bucket, told, truth)
        self.clean_comparisons += len(clean_buckets(self._store) - in_between)

    def _write(self) -> Iterator[None]:
        """A new batch, or one whose writer was killed, or is late."""
        if self._unacknowledged and self._drawn.random() < 0.7:
            batch = self._unacknowledged[0]
        else:
            buckets = self._drawn.sample(BUCKETS, self._drawn.randrange(1, 3))
            runs = tuple(self._snapshot(self._drawn.choice(buckets)) for _ in range(self._drawn.randrange(1, 5)))
            batch = (frozenset(int(run.started_at.timestamp()) // 900 * 900 for run in runs if run.started_at), runs)
            self._unacknowledged.append(batch)
        yield from self._deliver(batch)

    def _deliver(self, batch: Batch) -> Iterator[None]:
        """Rows, then marks; whoever is killed on the way leaves the batch to be read again."""
        touched, runs = batch
        for _ in range(self._drawn.choice((1, 1, 2))):
            insert(self._store, *runs)
            yield
        marks = [self._drawn.getrandbits(64) or 1 for _ in touched]
        rows = {"bucket": pa.array(sorted(touched), pa.uint32()), "changes": pa.array(marks, pa.uint64())}
        for _ in range(self._drawn.choice((1, 1, 2))):
            self._store.insert("bucket_changes", pa.table(rows))
        if batch in self._unacknowledged:
            self._unacknowledged.remove(batch)
        yield

    def _snapshot(self, bucket: int) -> RunSnapshot:
        """Of one of a few runs of the bucket, so that most are later snapshots; a tenth are tombstones."""
        self._number += 1
        place = self._drawn.randrange(6)
        return snapshot(
            f"run-{bucket}-{place}",
            agent_id=f"agent-{place % 2}",
            status=self._drawn.choice(("queued", "running", "succeeded", "failed")),
            started_at=f"{_rfc3339(bucket + place)}",
            updated_at=f"2026-11-22T00:{self._number // 60 % 60:02}:{self._number % 60:02}Z",
            cost_usd=self._drawn.choice((None, str(self._number), "0.1")),
            deleted=self._drawn.random() < 0.1,
        )

    def _refresh(self) -> Iterator[None]:
        """The steps of `refresh_slice`, with time between any two of them."""
        listed = dirty_buckets(self._store, 10).listed
        yield
        chosen = newest_slice(listed, self._drawn.randrange(1, 7))
        if not chosen:
            return
        buckets = [bucket.start_s for bucket in chosen]
        generation = new_generation(self._store, buckets, self._drawn.getrandbits)
        yield
        recompute(self._store, buckets, generation, LIMITS)
        yield
        publish(self._store, {bucket.start_s: bucket.changes for bucket in chosen}, generation)
        yield

    def _drop(self) -> Iterator[None]:
        ripe = self._clock.ripe(superseded_generations(self._store, 100), self._time)
        yield
        if ripe:
            drop_generations(self._store, ripe)
            self.dropped += len(ripe)
        yield


def _rfc3339(unix_s: int) -> str:
    minutes = (unix_s - FIRST_S) // 60
    return f"2026-11-21T{9 + minutes // 60:02}:{minutes % 60:02}:{unix_s % 60:02}Z"
