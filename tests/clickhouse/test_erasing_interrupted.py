"""Erasures that are stopped, interrupted, or worked at by two: they come to the same end."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress

import pyarrow as pa
import pytest
from clickhouse.rolling_up import refresh
from clickhouse.withdrawing_records import (
    ACTIVITY,
    NOW,
    RUNS,
    batch,
    event_message,
    request,
    run_message,
    runs_in_answers,
    visible,
    write,
    writer,
)
from runtally_clickhouse.client import Store
from runtally_clickhouse.erasing import (
    DONE,
    FAILED,
    SETTLED_AFTER,
    Eraser,
    ErasureJob,
    count_stored,
    due_jobs,
    erasure_jobs,
)
from runtally_clickhouse.errors import StoreUnavailable


class Stopping:
    """A store whose process ends before, or after, the n-th thing that it changes."""

    def __init__(self, store: Store, at: int, after: bool) -> None:
        self.store, self.at, self.after, self.calls = store, at, after, 0

    def insert(self, table: str, rows: pa.Table) -> None:
        self._do(lambda: self.store.insert(table, rows))

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self._do(lambda: self.store.command(sql, parameters))

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, object]]:
        return self.store.query(sql, parameters)

    def unmerged(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[dict[str, object]]:
        return self.store.unmerged(sql, parameters)

    def _do(self, change: object) -> None:
        self.calls += 1
        if self.calls == self.at and not self.after:
            raise StoreUnavailable("the process ended")
        change()  # type: ignore[operator]
        if self.calls == self.at:
            raise StoreUnavailable("the process ended")


@pytest.mark.parametrize("after", [False, True])
def test_stopped_anywhere_it_goes_on_to_the_same_end(store: Store, after: bool) -> None:
    draw = random.Random(7)
    messages = [run_message(f"r{n}", "ann", "acme" if n % 2 else "beta") for n in range(6)]
    letters = [b'{"workspace_id":"acme","run_id":7}']
    at = 0
    while True:
        at += 1
        workspace = f"acme{at}"
        values = [value.replace(b'"acme"', f'"{workspace}"'.encode()) for value in (*messages, *letters)]
        write(store, RUNS, values, first=100 * at)
        refresh(store, draw)
        job = request(store, "", workspace, number=at)
        stopping = Stopping(store, at, after)
        try:
            Eraser(stopping, lambda: NOW).finish(job)
            break
        except StoreUnavailable:
            (job,) = erasure_jobs(store, [job.id])
            finished = Eraser(store, lambda: NOW).finish(job)
        assert finished.state == DONE, (at, finished.reason)
        assert finished.counts_before["agent_runs"] == 3
        assert runs_in_answers(store) == len(visible(store)) == 3, at
    refresh(store, draw)
    assert runs_in_answers(store) == len(visible(store)) == 3
    assert at > 6


class Interrupting(Stopping):
    """A store in which somebody else does something after the n-th thing that it changes."""

    def __init__(self, store: Store, at: int, other: Callable[[], object]) -> None:
        super().__init__(store, at, after=True)
        self.other = other

    def _do(self, change: object) -> None:
        with suppress(StoreUnavailable):
            super()._do(change)
        if self.calls == self.at:
            self.other()


def test_rows_that_land_while_it_works_are_erased_too(store: Store) -> None:
    """As of a rollup that was being made: written by what was read before."""
    blind = writer(store)
    blind._withdrawn = None
    at, is_late = 0, True
    while is_late:
        at += 1
        user = f"ann{at}"
        values = [run_message(f"{at}-{n}", user) for n in range(3)]
        write(store, RUNS, values, first=100 * at)
        job = request(store, user, number=at)
        late = [run_message(f"{at}-late", user)]
        interrupted = Interrupting(store, at, lambda late=late: asyncio.run(blind.write(batch(RUNS, late))))  # type: ignore[misc]
        finished = Eraser(interrupted, lambda: NOW).finish(job)
        is_late = interrupted.calls >= at
        assert (finished.state, set(finished.counts_after.values())) == (DONE, {0}), (at, finished.reason)
        left = count_stored(store, job.subject)
        # What lands after the last word is hidden, and found by the look when all inserts have ended.
        assert sum(left.values()) == (interrupted.calls == at)
        assert Eraser(store, lambda: NOW + SETTLED_AFTER).finish(finished).state == DONE
        assert visible(store) == []
    assert at > 4


def test_two_at_once_come_to_the_same_end(store: Store) -> None:
    at, is_met = 0, True
    while is_met:
        at += 1
        values = [run_message(f"r{n}", f"ann{at}", f"acme{at}") for n in range(3)]
        write(store, RUNS, [*values, b'{"workspace_id":"acme%d","run_id":7}' % at], first=100 * at)
        job = request(store, f"ann{at}", f"acme{at}", number=at)
        ends: list[ErasureJob] = []
        other = Interrupting(store, at, lambda job=job, ends=ends: ends.append(Eraser(store, lambda: NOW).finish(job)))  # type: ignore[misc]
        ends.append(Eraser(other, lambda: NOW).finish(job))
        is_met = other.calls >= at
        assert {one.state for one in ends} == {DONE}, (at, ends)
        assert due_jobs(store, NOW) == []
        assert visible(store) == []
    assert at > 4


def test_a_job_whose_rows_stay_fails_loudly_and_is_tried_again(store: Store) -> None:
    class Forgetful(Stopping):
        def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
            if "DELETE" not in sql:
                self.store.command(sql, parameters)

    write(store, ACTIVITY, [event_message(ACTIVITY, "e", "ann")])
    job = request(store, "ann")
    seconds = iter(range(1000))
    eraser = Eraser(Forgetful(store, 0, False), lambda: NOW, lambda: float(next(seconds)), piece_seconds=100.0)
    failed = eraser.finish(job)
    assert (failed.state, failed.reason) == (FAILED, "rows are still there: 1 in user_activity")
    assert due_jobs(store, NOW) == [failed]
    assert Eraser(store, lambda: NOW).finish(failed).state == DONE
