"""Writers, refreshers, clean-up, comparisons and merges, a step at a time in a drawn order, over a real store.

Every actor may be killed after any of its steps, and a refresher may sleep between any two of them for as long as it
likes (a zombie). After each step the answer of the product is compared with the runs, and beside all of them a reader
asks without a pause. A batch that was inserted and not marked is not acknowledged yet: its buckets may be told with or
without it until somebody reads it again.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import pyarrow as pa
from clickhouse.rollup_reading import Sums, raw_sums_by_bucket
from clickhouse.runs import insert, scope, snapshot
from consumer.rollups.few_commands import FewCommands
from consumer.rollups.story_questions import (
    BESIDE,
    BUCKETS,
    DAY_S,
    END_S,
    FIRST_S,
    OF_HOURS,
    OF_THE_DAY,
    QUESTION,
    READ,
    READ_ONE_BY_ONE,
)
from runtally.events import RunSnapshot
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreUnavailable
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Relation
from runtally_clickhouse.measures.kept_state import KeptState
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.state_first import StateFirst
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_drift import clean_buckets, differing_buckets
from runtally_clickhouse.rollup_levels import DAY, HOUR, LEVELS, QUARTER_HOUR, RollupLevel
from runtally_clickhouse.rollups import (
    BUCKET_SECONDS,
    dirty_buckets,
    drop_generations,
    new_generation,
    publish,
    recompute,
    superseded_generations,
)
from runtally_consumer.rollups.dropping import GenerationClock
from runtally_consumer.rollups.planning import newest_slice

LIMITS = RecomputeLimits(max_memory_bytes=2**30, spill_bytes=2**29, max_threads=2)
# How many commands write a generation, and drop one: whoever is killed has given fewer.
RECOMPUTED = len(QUARTER_HOUR.written)
DROPPED = 1 + RECOMPUTED
PAUSE_SECONDS = 0.05  # between two questions of the reader beside, who else would take half of the machine
KEEP_SECONDS = 10.0
TABLES = ("agent_runs", "bucket_changes", *(table for level in LEVELS for table in (level.published, *level.written)))
Batch = tuple[frozenset[int], tuple[RunSnapshot, ...]]
Actor = Iterator[str]
ENDED = ""


@dataclass(frozen=True, slots=True)
class Truth:
    """What the merged runs said after a step, and the buckets with rows that nobody has marked yet."""

    sums: Sums
    unacknowledged: frozenset[int]


class Story:
    """One drawn sequence. Its time is what the clean-up takes for a monotonic clock.

    `seen` counts what happened: each step of an actor by its name, and each kill by the step that it came after.
    """

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._drawn = random.Random(seed)
        self._kept = KeptState()
        self._time = 0.0
        self._number = 0
        self._unacknowledged: list[Batch] = []
        self._clocks = {level: GenerationClock(KEEP_SECONDS) for level in LEVELS}
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
            for killed_between in range(1, RECOMPUTED):
                self._go(self._write())
                self._go(self._refresh(killed_between))
            half_dropped = [(few, "half dropped") for few in range(1, DROPPED)]
            for commands, killed_after in ((DROPPED, "ripe"), *half_dropped, (DROPPED, "")):
                self._go(self._write())
                self._go(self._refresh())
                self._go(self._drop(commands), killed_after, seconds=KEEP_SECONDS)
            for level in (HOUR, DAY):
                self._go(self._refresh_wide(level), "wide recomputed")
                self._go(self._refresh_wide(level))
                self._go(self._drop(level=level), seconds=KEEP_SECONDS)
            for table in TABLES:
                self._go(self._merge(table))
            for level in LEVELS:
                self._go(self._compare_cells(level))
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
        for _ in BUCKETS:  # each turn publishes one at least
            for _ in self._refresh():
                self._compare()
        assert not dirty_buckets(self._store, 10).listed
        for level in (HOUR, DAY):
            for _ in self._refresh_wide(level):
                self._compare()
        self._compare()
        for level in LEVELS:
            clean = clean_buckets(self._store, level=level)
            assert {one.start_s for one in clean} >= {level.start_of(bucket) for bucket in self._truths[-1].sums}
            assert differing_buckets(self._store, clean, LIMITS) == []

    def _next_actor(self) -> tuple[Callable[[], Actor], str]:
        """From a shuffled deck: so every way of ending comes up, whatever is drawn."""
        if not self._deck:
            whole: list[Callable[[], Actor]] = [self._write] * 4 + [self._refresh] * 4 + [self._drop] * 2
            whole += [partial(self._merge, table) for table in TABLES]
            whole += [partial(self._compare_cells, level) for level in LEVELS]
            whole += [partial(self._refresh_wide, level) for level in (HOUR, HOUR, DAY, DAY)]
            whole += [partial(self._drop, level=level) for level in (HOUR, DAY)]
            self._deck = [(begin, "") for begin in whole]
            self._deck += [(self._write, "inserted"), (self._drop, "ripe")]
            self._deck += [(partial(self._drop, few), "half dropped") for few in range(1, DROPPED)]
            self._deck += [(partial(self._refresh, few), "half recomputed") for few in range(1, RECOMPUTED)]
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
        self._compare_wide(truth, in_between)
        self._compare_beside(*self._drawn.choice(BESIDE), in_between)

    def _compare_beside(self, of: str, question: Question, relation: Relation, in_between: frozenset[int]) -> None:
        """What stands beside the cells: runs with errors one by one, users and sessions."""
        reader = self._drawn.choice((self._store, StateFirst(self._store, 60.0, kept=self._kept)))
        told = ask_question(reader, question, scope(), READ)
        truth = ask_question(self._store, question, scope(), READ_ONE_BY_ONE)
        assert told.relation is relation
        for found, wanted in zip(told.rows, truth.rows, strict=True):
            if BUCKETS[found.step or 0] not in in_between:
                assert found == wanted, (found, wanted)
        self.seen[f"{of} told"] += sum(int(str(row.values["runs"])) for row in told.rows)
        self.seen[f"buckets of {of} read"] += told.buckets["quarter_hour"]

    def _compare_wide(self, truth: Sums, in_between: frozenset[int]) -> None:
        """The hours, or the day, in two steps or in one."""
        reader = self._drawn.choice((self._store, StateFirst(self._store, 60.0, kept=self._kept)))
        question, seconds = self._drawn.choice(((OF_HOURS, HOUR.seconds), (OF_THE_DAY, DAY.seconds)))
        answer = ask_question(reader, question, scope(), READ)
        for row in answer.rows:
            first = DAY_S + seconds * (row.step or 0)
            inside = range(first, first + seconds, BUCKET_SECONDS)
            if not in_between & set(inside):
                wanted = [truth[bucket] for bucket in inside if bucket in truth]
                told = (int(str(row.values["runs"])), Decimal(str(row.values["cost_usd"] or 0)))
                assert told == (sum(runs for runs, _ in wanted), sum(cost for _, cost in wanted)), (
                    first,
                    answer.buckets,
                )
        self.seen["hours read"] += answer.buckets["hour"]
        self.seen["days read"] += answer.buckets["day"]

    def _told(self) -> Sums:
        """What the product answers, of the buckets that have runs."""
        rows = ask_question(self._store, QUESTION, scope(), READ).rows
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
            user_id=self._drawn.choice(("", "u1", "u2")),
            session_id=self._drawn.choice(("", "s1", "s2")),
            error_type=self._drawn.choice(("", "", "Timeout")),
            cost_usd=self._drawn.choice((None, str(self._number), "0.1")),
            deleted=self._drawn.random() < 0.1,
        )

    def _refresh(self, commands: int = RECOMPUTED) -> Actor:
        """The steps of `refresh_slice`, with time between any two of them. With fewer commands it is killed between
        the tables.
        """
        listed = dirty_buckets(self._store, 10).listed
        yield "listed"
        chosen = newest_slice(listed, self._drawn.randrange(1, 7))
        if not chosen:
            return
        buckets = [bucket.start_s for bucket in chosen]
        generation = new_generation(self._store, buckets, self._drawn.getrandbits)
        yield "numbered"
        try:
            recompute(FewCommands(self._store, commands), buckets, generation, LIMITS)
        except StoreUnavailable:
            yield "half recomputed"
            return
        yield "recomputed"
        current = {one.start_s: one.generation for one in clean_buckets(self._store)}
        publish(self._store, {bucket.start_s: bucket.changes for bucket in chosen}, generation)
        if any(current.get(bucket, 0) > 0 for bucket in buckets):
            self.seen["published by two"] += 1
        yield "published"

    def _refresh_wide(self, level: RollupLevel) -> Actor:
        """The same for hours or days, whether or not their quarter hours are up to date."""
        dirty = dirty_buckets(self._store, 10, level=level).listed
        if not dirty:
            return
        starts = [bucket.start_s for bucket in dirty]
        generation = new_generation(self._store, starts, self._drawn.getrandbits, level)
        yield "wide numbered"
        recompute(self._store, starts, generation, LIMITS, level)
        yield "wide recomputed"
        publish(self._store, {bucket.start_s: bucket.changes for bucket in dirty}, generation, level)
        yield "wide published"

    def _drop(self, commands: int = DROPPED, level: RollupLevel = QUARTER_HOUR) -> Actor:
        """With fewer commands it is killed between the tables: published no more, and rows left behind."""
        clock = self._clocks[level]
        clock.ripe(superseded_generations(self._store, 100, level), self._time)
        yield "looked"
        ripe = clock.ripe(superseded_generations(self._store, 100, level), self._time)
        yield "ripe"
        if not ripe:
            return
        with suppress(StoreUnavailable):
            drop_generations(FewCommands(self._store, commands), ripe, level)
        yield "dropped" if commands == DROPPED else "half dropped"

    def _compare_cells(self, level: RollupLevel) -> Actor:
        """As the watch for drift does it: what differs is of a batch that nobody marked yet."""
        clean = clean_buckets(self._store, level=level)
        yield "clean listed"
        differing = differing_buckets(self._store, clean, LIMITS)
        in_between = {level.start_of(bucket) for touched, _ in self._unacknowledged for bucket in touched}
        assert {one.start_s for one in differing} <= in_between, (differing, in_between)
        yield f"{level.name}s compared"

    def _merge(self, table: str) -> Actor:
        self._store.command(f"OPTIMIZE TABLE {table} FINAL")
        yield f"merged {table}"


def _rfc3339(unix_s: int) -> str:
    minutes = (unix_s - FIRST_S) // 60
    return f"2026-11-21T{9 + minutes // 60:02}:{minutes % 60:02}:{unix_s % 60:02}Z"
