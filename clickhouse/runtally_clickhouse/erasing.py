"""Erasing what names a user, or whole workspaces: the jobs, and their work, one piece at a time.

What is left to do is seen in the tables, so a job that was stopped anywhere goes on, and two at once do no harm. The
list (`withdrawals`) holds from the moment that the job is requested; the work is about what was written before.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import pyarrow as pa

from runtally_clickhouse.catalogue import EPOCH, query_text, unix_ms
from runtally_clickhouse.client import Reader, Row, Unmerged, Writer
from runtally_clickhouse.rollup_levels import LEVELS
from runtally_clickhouse.withdrawals import EVENT_TABLES, RUNS, EventTable, Subject

REQUESTED, RUNNING, DONE, FAILED = "requested", "running", "done", "failed"
# An insert under way at the request ends by then: it is looked for once more.
SETTLED_AFTER: Final = timedelta(minutes=5)
# Producers' clocks may be ahead of ours.
MOST_AHEAD: Final = timedelta(days=1)
PIECE_SECONDS: Final = 20.0
# A rollup that was being made, or an insert, may have read what was there before and land between work and count.
LOOKS: Final = 3
_LETTERS: Final = "dead_letters"
# Made of runs, so nothing is published to them; but they name users, and what was replaced lies there until dropped.
# A cell of a session goes by when its first run began: one that is made anew has none of what is erased.
_DERIVED: Final = tuple(
    replace(RUNS, name=name) for level in LEVELS for name in (level.error_runs, level.session_cells) if name
)

Counts = Mapping[str, int]


class ErasureStore(Reader, Writer, Unmerged, Protocol):
    """A store to erase in."""


@dataclass(frozen=True, slots=True)
class ErasureJob:
    """An erasure and how far it is. Counts are stored rows, all versions of them, by table.

    `settled`: it was looked for rows of inserts that were under way when it was requested.
    """

    id: UUID
    subject: Subject
    requested_at: datetime
    requested_by: str
    state: str = REQUESTED
    revision: int = 0
    settled: bool = False
    updated_at: datetime = EPOCH
    counts_before: Counts = field(default_factory=dict)
    counts_after: Counts = field(default_factory=dict)
    reason: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in (DONE, FAILED)


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What an erasure would be about, and how many stored rows that are now."""

    subject: Subject
    counts: Counts


def plan_erasure(store: Unmerged, workspaces: Sequence[str], user_hash: str, now: datetime) -> ErasurePlan:
    """Of what began until now, and of what clocks that are up to a day ahead say began later.

    Blocks for a scan; raises as `Store.unmerged`, `ValueError` without a user and a workspace.
    """
    latest = Subject(tuple(sorted(set(workspaces))), user_hash, unix_ms(now + MOST_AHEAD))
    months = {table.name: _months(store, table, latest) for table in EVENT_TABLES.values()}
    newest_ms = [int(row["newest_ms"]) for rows in months.values() for row in rows]
    subject = replace(latest, before_ms=max(unix_ms(now), *newest_ms, 0) + 1)
    return ErasurePlan(subject, _counts(store, subject, months))


def count_stored(store: Unmerged, subject: Subject) -> dict[str, int]:
    """How many rows lie in each table that the erasure is about. Blocks for a scan; raises as `Store.unmerged`."""
    return _counts(store, subject, {table.name: _months(store, table, subject) for table in EVENT_TABLES.values()})


def request_erasure(writer: Writer, id: UUID, plan: ErasurePlan, requested_by: str, now: datetime) -> ErasureJob:
    """Put an erasure on the list, for good: writers of events keep to it from now on. Raises as `Writer.insert`."""
    job = ErasureJob(id, plan.subject, now, requested_by, updated_at=now, counts_before=plan.counts)
    _write(writer, job)
    return job


def erasure_jobs(reader: Reader, ids: Sequence[UUID] = (), limit: int = 100_000) -> list[ErasureJob]:
    """These jobs, or all, newest first. Blocks; raises as `Reader.query`."""
    rows = reader.query(query_text("erasure_jobs"), {"ids": [str(id) for id in ids], "limit": limit})
    return [_job(row) for row in rows]


def due_jobs(reader: Reader, now: datetime) -> list[ErasureJob]:
    """Those with work left, oldest first. Blocks; raises as `Reader.query`."""
    jobs = erasure_jobs(reader)
    return [
        job
        for job in reversed(jobs)
        if job.state != DONE or (not job.settled and now - job.requested_at >= SETTLED_AFTER)
    ]


class Eraser:
    """Does the work of jobs."""

    def __init__(
        self,
        store: ErasureStore,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        piece_seconds: float = PIECE_SECONDS,
    ) -> None:
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._piece_seconds = piece_seconds

    def step(self, job: ErasureJob) -> ErasureJob:
        """Do a piece of the job, and return how far it is: over, or to be called again.

        Blocks for about `piece_seconds`, and for as long as a month takes. Raises `StoreError`; a next call goes on.
        """
        if job.state in (REQUESTED, FAILED):
            return self._tell(job, state=RUNNING, reason="")
        ends_at = self._monotonic() + self._piece_seconds
        left: Counts = {}
        for _ in range(LOOKS):
            if not self._erase_until(ends_at, job.subject):
                return job
            ends_at = math.inf  # else rows that stay would make it begin anew for ever
            left = count_stored(self._store, job.subject)
            if not any(left.values()):
                settled = job.settled or self._now() - job.requested_at >= SETTLED_AFTER
                return self._tell(job, state=DONE, counts_after=left, settled=settled, reason="")
        stays = ", ".join(f"{rows} in {name}" for name, rows in left.items() if rows)
        return self._tell(job, state=FAILED, counts_after=left, reason=f"rows are still there: {stays}")

    def finish(self, job: ErasureJob) -> ErasureJob:
        """All of the job; of one that is done, a look for what was under way meanwhile. Raises as `step`."""
        job = self.step(replace(job, state=RUNNING) if job.state == DONE else job)
        while not job.is_over:
            job = self.step(job)
        return job

    def _erase_until(self, ends_at: float, subject: Subject) -> bool:
        """False when the time was over before all was looked through."""
        for table in EVENT_TABLES.values():
            for row in _months(self._store, table, subject):
                self._erase_month(table, int(row["month"]), subject)
                if self._monotonic() > ends_at:
                    return False
        for table in _DERIVED:
            for row in _months(self._store, table, subject):
                self._erase_stored(table, int(row["month"]), subject)
        self._erase_letters(subject)
        if not subject.user_hash:
            self._erase_cells(subject)
        return True

    def _erase_month(self, table: EventTable, month: int, subject: Subject) -> None:
        """Hide, mark, then take away: stopped anywhere, the rows are still there to begin with again."""
        bound = {**subject.parameters(), "month": month}
        if table is RUNS:
            self._store.command(query_text("erase_runs"), bound)
            marked = {"workspaces": list(subject.workspaces), "month": month}
            self._store.command(query_text("mark_erased"), marked)
        else:
            self._store.command(query_text("erase_events"), {**table.parameters(), **bound})
        self._erase_stored(table, month, subject)

    def _erase_stored(self, table: EventTable, month: int, subject: Subject) -> None:
        bound = {**table.parameters(), **subject.parameters(), "month": month}
        self._store.command(query_text("erase_stored"), bound)

    def _erase_letters(self, subject: Subject) -> None:
        if self._store.unmerged(_about_letters("erasure_letter_hits"), subject.parameters())[0]["stored_rows"]:
            self._store.command(_about_letters("erase_letters"), subject.parameters())
            self._store.command(_about_letters("erase_stored_letters"), subject.parameters())

    def _erase_cells(self, subject: Subject) -> None:
        for level in LEVELS:
            bound = _cells(subject, level.cells, level.seconds)
            if self._store.unmerged(query_text("erasure_cell_hits"), bound)[0]["stored_rows"]:
                self._store.command(query_text("erase_cells"), bound)

    def _tell(self, job: ErasureJob, **changes: object) -> ErasureJob:
        told = replace(job, revision=job.revision + 1, updated_at=self._now(), **changes)  # type: ignore[arg-type]
        _write(self._store, told)
        return told


def _about_letters(name: str) -> str:
    """The statement about the copies of dead letters that a subject is in."""
    return query_text(name).replace("${OF_SUBJECT}", query_text("letters_of_subject"))


def _months(store: Unmerged, table: EventTable, subject: Subject) -> list[Row]:
    """Each month with rows to erase, the newest first."""
    return store.unmerged(query_text("erasure_hits"), {**table.parameters(), **subject.parameters()})


def _counts(store: Unmerged, subject: Subject, months: Mapping[str, list[Row]]) -> dict[str, int]:
    found = {**months, **{table.name: _months(store, table, subject) for table in _DERIVED}}
    counts = {table: sum(int(row["stored_rows"]) for row in rows) for table, rows in found.items()}
    (letters,) = store.unmerged(_about_letters("erasure_letter_hits"), subject.parameters())
    counts[_LETTERS] = int(letters["stored_rows"])
    if not subject.user_hash:
        for level in LEVELS:
            hits = store.unmerged(query_text("erasure_cell_hits"), _cells(subject, level.cells, level.seconds))
            counts[level.cells] = int(hits[0]["stored_rows"])
    return counts


def _cells(subject: Subject, cells: str, seconds: int) -> dict[str, object]:
    return {
        "table": cells,
        "workspaces": list(subject.workspaces),
        "before_ms": subject.before_ms,
        "bucket_seconds": seconds,
    }


def _write(writer: Writer, job: ErasureJob) -> None:
    instant = pa.timestamp("us", "UTC")
    counts = pa.map_(pa.string(), pa.uint64())
    writer.insert(
        "erasures",
        pa.table(
            {
                "id": pa.array([job.id.bytes], pa.binary(16)),
                "workspaces": pa.array([list(job.subject.workspaces)], pa.list_(pa.string())),
                "user_hash": pa.array([job.subject.user_hash], pa.string()),
                "before": pa.array([job.subject.before_ms], pa.timestamp("ms", "UTC")),
                "requested_at": pa.array([job.requested_at.astimezone(UTC)], instant),
                "requested_by": pa.array([job.requested_by], pa.string()),
                "revision": pa.array([job.revision], pa.uint64()),
                "state": pa.array([job.state], pa.string()),
                "settled": pa.array([int(job.settled)], pa.uint8()),
                "updated_at": pa.array([job.updated_at.astimezone(UTC)], instant),
                "counts_before": pa.array([list(job.counts_before.items())], counts),
                "counts_after": pa.array([list(job.counts_after.items())], counts),
                "reason": pa.array([job.reason], pa.string()),
            }
        ),
    )


def _job(row: Row) -> ErasureJob:
    return ErasureJob(
        id=UUID(str(row["id"])),
        subject=Subject(tuple(row["workspaces"]), row["user_hash"], unix_ms(_utc(row["before"]))),
        requested_at=_utc(row["requested_at"]),
        requested_by=row["requested_by"],
        state=row["state"],
        revision=int(row["revision"]),
        settled=bool(row["settled"]),
        updated_at=_utc(row["updated_at"]),
        counts_before=dict(row["counts_before"]),
        counts_after=dict(row["counts_after"]),
        reason=row["reason"],
    )


def _utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
