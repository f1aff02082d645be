"""Writers, refreshers, clean-up, comparisons and merges, a step at a time in a drawn order, over a real store.

Every actor may be killed after any of its steps, and a refresher may sleep between any two of them for as long as it
likes (a zombie). After each step the answer of the product is compared with the runs, and beside all of them a reader
asks without a pause. A batch that was inserted and not marked is not acknowledged yet: its buckets may be told with or
without it until somebody reads it again.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

import pyarrow as pa
from clickhouse.rollup_reading import Sums, raw_sums_by_bucket
from clickhouse.runs import insert, scope, snapshot
from runtally.events import RunSnapshot
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreUnavailable
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.time_steps import make_steps
from runtally_clickhouse.rollup_drift import clean_buckets, differing_buckets
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
PAUSE_SECONDS = 0.05  # between two questions of the reader beside, who else would take half of the machine
KEEP_SECONDS = 10.0
TABLES = ("agent_runs", "bucket_changes", "bucket_rollups", "run_rollup")
STEPS = make_steps(
    datetime.fromtimestamp(FIRST_S, UTC), datetime.fromtimestamp(END_S, UTC), ZoneInfo("UTC"), "quarter_hour"
)
QUESTION = Question(("runs", "cost_usd"), STEPS)
Batch = tuple[frozenset[int], tuple[RunSnapshot, ...]]
Actor = Iterator[str]
ENDED = ""


@dataclass(frozen=True, slots=True)
class Truth:
    """What the merged runs said after a step, and the buckets with rows that nobody has marked yet."""

    sums: Sums
    unacknowledged: frozenset[int]


class FewCommands:
    """A writer that is gone after so many commands."""

    def __init__(self, store: Store, commands: int) -> None:
        self._store = store
        self._left = commands

    def insert(self, table: str, rows: pa.Table) -> None:
        self._store.insert(table, rows)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        if not self._left:
            raise StoreUnavailable("killed")
        self._left -= 1
        self._store.command(sql, parameters)


class Story:
    """One drawn sequence. Its time is what the clean-up takes for a monotonic clock.

    `seen` counts what happened: each step of an actor by its name, and each kill by the step that it came after.
    """

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._drawn = random.Random(seed)
        self._time = 0.0
        self._number = 0
        self._unacknowledged: list[Batch] = []
        self._clock = GenerationClock(KEEP_SECONDS)
        self._deck: list[tuple[Callable[[], Actor], str]] = []
        self._truths: list[Truth] = []
        self._heard: list[tuple[int, int, Sums]] = []
        self.clean_comparisons = 0
        self.seen = Counter[str]()

    def play(self, steps: int) -> None:
        """That many steps of actors, each followed by a comparison."""
        self._compare()
        actors: list[tuple[Actor, str]] = []
        with self._reader_beside():
            while steps:
                self._time += self._drawn.uniform(0, 6)
                while len(actors) < 4:
                    begin, killed_after = self._next_actor()
                    actors.append((begin(), killed_after))
                actor, killed_after = self._drawn.choice(actors)
                step = next(actor, ENDED)
                if step in (ENDED, killed_after):
                    actors.remove((actor, killed_after))
                if step == ENDED:
                    continue
                steps -= 1
                self.seen[step] += 1
                self.seen[f"killed: {step}"] += step == killed_after
                self._compare()
            for actor, _ in actors:
                for step in actor:
                    self.seen[step] += 1
                    self._compare()
        self._compare_what_was_heard()

    def play_each_end(self) -> None:
        """Each place to be killed at, two refreshers at once, each merge: what a drawn story may leave out."""
        with self._reader_beside():
            for killed_after in ("listed", "numbered", "recomputed"):
                self._go(self._write())
                self._go(self._refresh(), killed_after)
            self._go(self._write(), "inserted")
            self._go(self._refresh())
            self._go(self._write())
            both = [self._refresh(), self._refresh()]
            while both:
                for actor in list(both):
                    if self._go(actor, steps=1) == ENDED:
                        both.remove(actor)
            for drop, killed_after in ((self._drop(), "ripe"), (self._drop(1), "half dropped"), (self._drop(), "")):
                self._go(self._write())
                self._go(self._refresh())
                self._go(drop, killed_after, seconds=KEEP_SECONDS)
            for table in TABLES:
                self._go(self._merge(table))
            self._go(self._compare_cells())
        self._compare_what_was_heard()

    def _go(self, actor: Actor, killed_after: str = "", steps: int = 9, seconds: float = 1.0) -> str:
        """At most so many steps of it, until it is killed. Returns the last one."""
        step = ENDED
        for _ in range(steps):
            self._time += seconds
            step = next(actor, ENDED)
            if step == ENDED:
                break
            self.seen[step] += 1
            self._compare()
            if step == killed_after:
                self.seen[f"killed: {step}"] += 1
                break
        return step

    def settle(self) -> None:
        """What was not acknowledged is read again, and a refresher has time for all."""
        for batch in list(self._unacknowledged):
            for _ in self._deliver(batch):
                pass
        while dirty_buckets(self._store, 10).listed:
            for _ in self._refresh():
                self._compare()
        self._compare()
        clean = clean_buckets(self._store)
        assert {one.start_s for one in clean} >= set(self._truths[-1].sums)
        assert differing_buckets(self._store, clean, LIMITS) == []

    def _next_actor(self) -> tuple[Callable[[], Actor], str]:
        """From a shuffled deck: so every way of ending comes up, whatever is drawn."""
        if not self._deck:
            whole: list[Callable[[], Actor]] = [self._write] * 4 + [self._refresh] * 4 + [self._drop] * 2
            whole += [self._compare_cells, *(partial(self._merge, table) for table in TABLES)]
            self._deck = [(begin, "") for begin in whole]
            self._deck += [(self._write, "inserted"), (self._drop, "ripe"), (partial(self._drop, 1), "half dropped")]
            self._deck += [(self._refresh, step) for step in ("listed", "numbered", "recomputed")]
            self._drawn.shuffle(self._deck)
        return self._deck.pop()

    def _compare(self) -> None:
        told = self._told()
        truth = raw_sums_by_bucket(self._store, FIRST_S, END_S)
        in_between = frozenset(bucket for touched, _ in self._unacknowledged for bucket in touched)
        for bucket in set(BUCKETS) - in_between:
            assert told.get(bucket) == truth.get(bucket), (bucket, told, truth)
        self._truths.append(Truth(truth, in_between))
        self.clean_comparisons += len({one.start_s for one in clean_buckets(self._store)} - in_between)

    def _told(self) -> Sums:
        """What the product answers, of the buckets that have runs."""
        rows = ask_question(self._store, QUESTION, scope(), Limits(max_memory_bytes=2**30, max_rows=1000)).rows
        return {
            BUCKETS[row.step]: (int(str(row.values["runs"])), Decimal(str(row.values["cost_usd"] or 0)))
            for row in rows
            if row.step is not None and row.values["runs"]
        }

    @contextmanager
    def _reader_beside(self) -> Iterator[None]:
        """Notes what it was told, and between which truths it had asked."""
        over = threading.Event()
        failures: list[BaseException] = []

        def read() -> None:
            try:
                while not over.wait(PAUSE_SECONDS):
                    before = len(self._truths) - 1
                    told = self._told()
                    self._heard.append((before, len(self._truths), told))
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert not failures, failures
        self.seen["heard beside"] += len(self._heard)

    def _compare_what_was_heard(self) -> None:
        """Each bucket was told as it had been at some moment of the question, the step under way included."""
        for before, after, told in self._heard:
            possible = self._truths[before : after + 1]
            for bucket in BUCKETS:
                if not any(bucket in truth.unacknowledged for truth in possible):
                    assert any(told.get(bucket) == truth.sums.get(bucket) for truth in possible), (
                        bucket,
                        told,
                        possible,
                    )

    def _write(self) -> Actor:
        """A new batch, or one whose writer was killed, or is late."""
        if self._unacknowledged and self._drawn.random() < 0.7:
            batch = self._unacknowledged[0]
        else:
            buckets = self._drawn.sample(BUCKETS, self._drawn.randrange(1, 3))
            runs = tuple(self._snapshot(self._drawn.choice(buckets)) for _ in range(self._drawn.randrange(1, 5)))
            batch = (frozenset(int(run.started_at.timestamp()) // 900 * 900 for run in runs if run.started_at), runs)
            self._unacknowledged.append(batch)
        yield from self._deliver(batch)

    def _deliver(self, batch: Batch) -> Actor:
        """Rows, then marks; whoever is killed on the way leaves the batch to be read again."""
        touched, runs = batch
        for _ in range(self._drawn.choice((1, 1, 2))):
            insert(self._store, *runs)
            yield "inserted"
        marks = [self._drawn.getrandbits(64) or 1 for _ in touched]
        rows = {"bucket": pa.array(sorted(touched), pa.uint32()), "changes": pa.array(marks, pa.uint64())}
        for _ in range(self._drawn.choice((1, 1, 2))):
            self._store.insert("bucket_changes", pa.table(rows))
        if batch in self._unacknowledged:
            self._unacknowledged.remove(batch)
        yield "marked"

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

    def _refresh(self) -> Actor:
        """The steps of `refresh_slice`, with time between any two of them."""
        listed = dirty_buckets(self._store, 10).listed
        yield "listed"
        chosen = newest_slice(listed, self._drawn.randrange(1, 7))
        if not chosen:
            return
        buckets = [bucket.start_s for bucket in chosen]
        generation = new_generation(self._store, buckets, self._drawn.getrandbits)
        yield "numbered"
        recompute(self._store, buckets, generation, LIMITS)
        yield "recomputed"
        current = {one.start_s: one.generation for one in clean_buckets(self._store)}
        publish(self._store, {bucket.start_s: bucket.changes for bucket in chosen}, generation)
        if any(current.get(bucket, 0) > 0 for bucket in buckets):
            self.seen["published by two"] += 1
        yield "published"

    def _drop(self, commands: int = 2) -> Actor:
        """With one command it is killed between the tables: published no more, and its rows left behind."""
        self._clock.ripe(superseded_generations(self._store, 100), self._time)
        yield "looked"
        ripe = self._clock.ripe(superseded_generations(self._store, 100), self._time)
        yield "ripe"
        if not ripe:
            return
        with suppress(StoreUnavailable):
            drop_generations(FewCommands(self._store, commands), ripe)
        yield "dropped" if commands > 1 else "half dropped"

    def _compare_cells(self) -> Actor:
        """As the watch for drift does it: what differs is of a batch that nobody marked yet."""
        clean = clean_buckets(self._store)
        yield "clean listed"
        differing = differing_buckets(self._store, clean, LIMITS)
        in_between = {bucket for touched, _ in self._unacknowledged for bucket in touched}
        assert {one.start_s for one in differing} <= in_between, (differing, in_between)
        yield "cells compared"

    def _merge(self, table: str) -> Actor:
        self._store.command(f"OPTIMIZE TABLE {table} FINAL")
        yield f"merged {table}"


def _rfc3339(unix_s: int) -> str:
    minutes = (unix_s - FIRST_S) // 60
    return f"2026-11-21T{9 + minutes // 60:02}:{minutes % 60:02}:{unix_s % 60:02}Z"
