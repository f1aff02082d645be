"""The journey of one batch: decode, withdraw, dead letters, rows, marks, ledger. Whoever gets to the end is durable."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, pairwise
from typing import Final, Protocol

import pyarrow as pa
from runtally.violations import Violation
from runtally_clickhouse.client import Writer
from runtally_clickhouse.withdrawals import Withdrawals

from runtally_consumer.bisection import TooManyRefused
from runtally_consumer.dead_letter_limits import DeadLetterLimit, DeadLetterPolicy, TooManyDeadLetters
from runtally_consumer.dead_letters import DeadLetter, RefusedBy, mirror_rows
from runtally_consumer.decoding import DECODERS
from runtally_consumer.inserting import Insertion, RowInserter
from runtally_consumer.marks import MARKED_TABLE, mark_rows
from runtally_consumer.records import Batch, Partition, Record
from runtally_consumer.signatures import ProducerKeys
from runtally_consumer.threads import in_daemon_thread
from runtally_consumer.withdrawing import names_erased, withdraw

LEDGER_ROW: Final = pa.struct(
    {
        "stream": pa.string(),
        "topic": pa.string(),
        "partition": pa.uint32(),
        "first_offset": pa.uint64(),
        "last_offset": pa.uint64(),
        "accepted": pa.uint32(),
        "dead": pa.uint32(),
        "acknowledged_at": pa.timestamp("us", "UTC"),
    }
)


class DeadLetterTopic(Protocol):
    """Where refused records are kept.

    `publish` returns once the broker has acknowledged every letter. Raises `DeadLetterTopicUnavailable`
    when it has not: some may be there nevertheless, and will be there twice after the next try.
    """

    async def publish(self, letters: Sequence[DeadLetter]) -> None: ...


class WithdrawnData(Protocol):
    """What is gone from the store for good (`runtally_clickhouse.withdrawals`). Both block and raise `StoreError`.

    `current` gives the same object while nothing was added; `drop_retired` drops what lies before the horizons.
    """

    def current(self) -> Withdrawals: ...

    def drop_retired(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch. accepted + dead = its records; `withdrawn` of the accepted are in no answer."""

    accepted: int
    dead: Counter[str]
    unknown_fields: Counter[str]
    seconds: dict[str, float]
    withdrawn: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Progress:
    """How far a batch got before it failed, so that the next try does not begin anew."""

    stream: str
    insertion: Insertion | None = None
    dead: dict[int, DeadLetter] = field(default_factory=dict)  # by the record's index in the batch
    published: set[int] = field(default_factory=set)
    is_stored: bool = False
    is_marked: bool = False
    known: Withdrawals | None = None  # what was looked for in the rows; none yet
    blanks: list[pa.Table] = field(default_factory=list)
    withdrawn: Counter[str] = field(default_factory=Counter)


class BatchWriter:
    """Writes batches, any number at once. A failed batch may be given again, and goes on where it stopped."""

    def __init__(
        self,
        store: Writer,
        dead_letter_topic: DeadLetterTopic,
        stream: str,
        wall_clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        limit: DeadLetterLimit | None = None,
        random_bits: Callable[[int], int] = secrets.randbits,
        streams: Mapping[str, str] | None = None,
        withdrawn: WithdrawnData | None = None,
        producer_keys: ProducerKeys | None = None,
    ) -> None:
        """`streams` names the present stream of each topic that has one of its own; it may change between epochs.

        Without `withdrawn` nothing that was erased or retired is looked for. With `producer_keys` records
        must be signed.
        """
        self._store = store
        self._inserter = RowInserter(store)
        self._dead_letter_topic = dead_letter_topic
        self._stream = stream
        self._streams = {} if streams is None else streams
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._random_bits = random_bits
        self._withdrawn = withdrawn
        self._producer_keys = producer_keys
        self._progress: dict[int, _Progress] = {}
        self._answers = 0
        self.dead_letter_policy = DeadLetterPolicy(limit or DeadLetterLimit())

    def unix_seconds(self) -> float:
        """The wall clock, to measure ages by."""
        return self._wall_clock().timestamp()

    @property
    def answers(self) -> int:
        """How often the store or the dead-letter topic has answered; a search for bad rows takes many."""
        return self._answers + self._inserter.answers

    async def write(self, batch: Batch) -> Written:
        """Make every record of the batch durable, in the store or in the dead-letter topic.

        Raises `StoreError`, `NotBadData`, `DeadLetterTopicUnavailable` or `TooManyDeadLetters`; what was written by
        then may be written again.
        """
        progress = self._progress.setdefault(batch.id, _Progress(self._streams.get(batch.topic, self._stream)))
        times = [self._monotonic()]
        if progress.insertion is None:
            progress.insertion = await asyncio.to_thread(self._decode, batch, progress)
        times.append(self._monotonic())
        if not progress.is_stored:
            self.dead_letter_policy.let_through(batch, progress.dead)
        await self._publish_letters(progress)
        times.append(self._monotonic())
        await self._store_rows(batch, progress, progress.insertion)
        times.append(self._monotonic())
        await self._mark(progress, progress.insertion)
        await self._publish_letters(progress)
        await self._account(batch, progress)
        times.append(self._monotonic())
        self._progress.pop(batch.id, None)
        self.dead_letter_policy.written(batch.id)
        steps = ("decode", "dead_letters", "insert", "account")
        return Written(
            accepted=len(batch.records) - len(progress.dead),
            dead=Counter(letter.fault for letter in progress.dead.values()),
            unknown_fields=Counter(progress.insertion.decoded.unknown_fields),
            seconds={step: end - start for step, (start, end) in zip(steps, pairwise(times), strict=True)},
            withdrawn=progress.withdrawn,
        )

    def keep_only(self, batch_ids: Collection[int]) -> None:
        """No other batch will be given again."""
        self._progress = {id: progress for id, progress in self._progress.items() if id in batch_ids}
        self.dead_letter_policy.keep_only(batch_ids)

    def _decode(self, batch: Batch, progress: _Progress) -> Insertion:
        decoder = DECODERS[batch.topic]
        decoded = decoder.decode([record.value for record in batch.records])
        if self._producer_keys is not None:
            decoded = self._producer_keys.check(decoded, batch.records)
        if decoded.rejected:
            places = _places(batch)
            progress.dead = {
                item.index: DeadLetter(*places[item.index], item.violations, stream=progress.stream)
                for item in decoded.rejected
            }
        return Insertion(decoder.table, decoded)

    async def _store_rows(self, batch: Batch, progress: _Progress, insertion: Insertion) -> None:
        await self._withdraw(progress, insertion)
        if not progress.is_stored:
            await self._insert(batch, progress, insertion)
        while await self._withdraw(progress, insertion):
            pass  # whoever erased what was stored may have done so before these rows were there

    async def _withdraw(self, progress: _Progress, insertion: Insertion) -> bool:
        """Take out what was erased or retired since the last look; false when nothing was added to the list.

        What may be stored by now is hidden, or dropped. Raises `StoreError`; then the next try looks again.
        """
        if self._withdrawn is None:
            return False
        known = await in_daemon_thread(self._withdrawn.current)
        if known is progress.known:
            return False
        result = await asyncio.to_thread(withdraw, insertion.table, insertion.decoded, known)
        self._inserter.forget()
        if result.erased:
            await in_daemon_thread(self._store.insert, insertion.table, result.blanks)
            progress.blanks.append(result.blanks)
            progress.is_marked = False
        if result.retired and progress.known is not None:
            await in_daemon_thread(self._withdrawn.drop_retired)
        if result.erased or result.retired:
            insertion.decoded, insertion.bisection, insertion.stored_rows = result.kept, None, 0
        progress.withdrawn += Counter(erased=result.erased, retired=result.retired)
        progress.known = known
        return True

    async def _insert(self, batch: Batch, progress: _Progress, insertion: Insertion) -> None:
        policy = self.dead_letter_policy

        def stops(rows: Collection[int]) -> dict[Partition, str]:
            return policy.stops(batch, progress.dead.keys() | {int(insertion.decoded.rows[row]) for row in rows})

        try:
            refused = await self._inserter.insert(insertion, None if policy.is_off else stops)
        except TooManyRefused as error:
            raise TooManyDeadLetters(stops(error.rows)) from error
        dead = progress.dead | _refused_by_store(batch, insertion, refused, progress.stream)
        policy.let_through(batch, dead)
        progress.dead = dead
        progress.is_stored = True

    async def _mark(self, progress: _Progress, insertion: Insertion) -> None:
        """Mark the buckets of all rows, also of those that the store refused: a mark too many is harmless."""
        if insertion.table != MARKED_TABLE or progress.is_marked:
            return
        keys = [table.select(["run_id"]) for table in (insertion.decoded.table, *progress.blanks) if table.num_rows]
        if keys:
            rows = pa.concat_tables(keys)
            marks = await asyncio.to_thread(mark_rows, rows, self._random_bits)
            await in_daemon_thread(self._store.insert, "bucket_changes", marks)
            progress.is_marked = True
            self._answers += 1

    async def _publish_letters(self, progress: _Progress) -> None:
        unpublished = progress.dead.keys() - progress.published
        if unpublished:
            await self._dead_letter_topic.publish([progress.dead[index] for index in sorted(unpublished)])
            progress.published |= unpublished
            self._answers += 1

    async def _account(self, batch: Batch, progress: _Progress) -> None:
        now, stream, dead = self._wall_clock(), progress.stream, progress.dead
        if dead:
            letters = [dead[index] for index in sorted(dead)]
            known = progress.known or Withdrawals()
            mirrored = await asyncio.to_thread(mirror_rows, stream, letters, now, lambda one: names_erased(one, known))
            await in_daemon_thread(self._store.insert, "dead_letters", mirrored)
            self._answers += 1
        ledger = await asyncio.to_thread(ledger_rows, stream, batch, sorted(dead), now)
        await in_daemon_thread(self._store.insert, "ingest_ledger", ledger)
        self._answers += 1


def ledger_rows(stream: str, batch: Batch, dead_indices: Sequence[int], acknowledged_at: datetime) -> pa.Table:
    """One row of `ingest_ledger` for each slice: which offsets it covers, and how many were accepted and refused.

    `dead_indices` are those of the batch's records that are dead letters, ascending.
    """
    ends = list(accumulate(len(piece.records) for piece in batch.slices))
    dead = [0] * len(batch.slices)
    slice_number = 0
    for index in dead_indices:
        while index >= ends[slice_number]:
            slice_number += 1
        dead[slice_number] += 1
    rows = [
        (
            stream,
            batch.topic,
            piece.partition.number,
            piece.first_offset,
            piece.last_offset,
            len(piece.records) - count,
            count,
            acknowledged_at,
        )
        for piece, count in zip(batch.slices, dead, strict=True)
    ]
    return pa.Table.from_struct_array(pa.array(rows, LEDGER_ROW))


def _places(batch: Batch) -> list[tuple[Partition, Record]]:
    return [(piece.partition, record) for piece in batch.slices for record in piece.records]


def _refused_by_store(
    batch: Batch, insertion: Insertion, refused: Mapping[int, str], stream: str
) -> dict[int, DeadLetter]:
    """The dead letters of rows, by the index of their records."""
    if not refused:
        return {}
    places = _places(batch)
    letters = {}
    for row, reason in refused.items():
        index = int(insertion.decoded.rows[row])
        violation = Violation("", f"was refused by the store: {reason}", "mend the sender or the table, then replay")
        letters[index] = DeadLetter(*places[index], (violation,), RefusedBy.STORE, stream)
    return letters
