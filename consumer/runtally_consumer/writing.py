"""The journey of one batch: decode, dead letters, rows, ledger. Whoever gets to the end is durable."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Protocol

import pyarrow as pa
from runtally_clickhouse.client import Writer

from runtally_consumer.dead_letters import DeadLetter, mirror_rows
from runtally_consumer.decoding import DECODERS, Decoded, coalesce
from runtally_consumer.records import Batch


class DeadLetterTopic(Protocol):
    """Where refused records are kept.

    `publish` returns once the broker has acknowledged every letter. Raises `DeadLetterTopicUnavailable`
    when it has not: some may be there nevertheless, and will be there twice after the next try.
    """

    async def publish(self, letters: Sequence[DeadLetter]) -> None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch. accepted + dead = its records."""

    accepted: int
    dead: Counter[str]
    unknown_fields: Counter[str]
    seconds: dict[str, float]


@dataclass(slots=True)
class _Progress:
    """How far a batch got before it failed, so that the next try does not begin anew."""

    decoded: Decoded | None = None
    letters: list[DeadLetter] = field(default_factory=list)
    letters_published: bool = False


class BatchWriter:
    """Writes batches, any number at once. A failed batch may be given again, and goes on where it stopped."""

    def __init__(
        self,
        store: Writer,
        dead_letter_topic: DeadLetterTopic,
        stream: str,
        wall_clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._dead_letter_topic = dead_letter_topic
        self._stream = stream
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._progress: dict[int, _Progress] = {}

    async def write(self, batch: Batch) -> Written:
        """Make every record of the batch durable, in the store or in the dead-letter topic.

        Raises `StoreError` or `DeadLetterTopicUnavailable`; what was written by then may be written again.
        """
        progress = self._progress.setdefault(batch.id, _Progress())
        started = self._monotonic()
        if progress.decoded is None:
            progress.decoded = await asyncio.to_thread(self._decode, batch)
            progress.letters = _dead_letters(batch, progress.decoded)
        decoded_at = self._monotonic()
        if progress.letters and not progress.letters_published:
            await self._dead_letter_topic.publish(progress.letters)
            progress.letters_published = True
        published_at = self._monotonic()
        await asyncio.to_thread(self._insert, batch, progress.decoded, progress.letters)
        self._progress.pop(batch.id, None)
        dead = Counter(letter.field or "record" for letter in progress.letters)
        return Written(
            accepted=len(batch.records) - len(progress.letters),
            dead=dead,
            unknown_fields=Counter(progress.decoded.unknown_fields),
            seconds={
                "decode": decoded_at - started,
                "dead_letters": published_at - decoded_at,
                "insert": self._monotonic() - published_at,
            },
        )

    def keep_only(self, batch_ids: Collection[int]) -> None:
        """No other batch will be given again."""
        self._progress = {id: progress for id, progress in self._progress.items() if id in batch_ids}

    def _decode(self, batch: Batch) -> Decoded:
        return DECODERS[batch.topic].decode([record.value for record in batch.records])

    def _insert(self, batch: Batch, decoded: Decoded, letters: Sequence[DeadLetter]) -> None:
        if decoded.table.num_rows:
            newest, _ = coalesce(decoded.table, decoded.rows)
            self._store.insert(DECODERS[batch.topic].table, newest)
        now = self._wall_clock()
        if letters:
            self._store.insert("dead_letters", mirror_rows(self._stream, letters, now))
        self._store.insert("ingest_ledger", ledger_rows(self._stream, batch, decoded, now))


def ledger_rows(stream: str, batch: Batch, decoded: Decoded, acknowledged_at: datetime) -> pa.Table:
    """One row of `ingest_ledger` for each slice: which offsets it covers, and how many were accepted and refused."""
    ends = list(accumulate(len(piece.records) for piece in batch.slices))
    dead = [0] * len(batch.slices)
    slice_number = 0
    for rejected in decoded.rejected:
        while rejected.index >= ends[slice_number]:
            slice_number += 1
        dead[slice_number] += 1
    accepted = [len(piece.records) - count for piece, count in zip(batch.slices, dead, strict=True)]
    return pa.table(
        {
            "stream": pa.array([stream] * len(dead), pa.string()),
            "topic": pa.array([batch.topic] * len(dead), pa.string()),
            "partition": pa.array([piece.partition.number for piece in batch.slices], pa.uint32()),
            "first_offset": pa.array([piece.first_offset for piece in batch.slices], pa.uint64()),
            "last_offset": pa.array([piece.last_offset for piece in batch.slices], pa.uint64()),
            "accepted": pa.array(accepted, pa.uint32()),
            "dead": pa.array(dead, pa.uint32()),
            "acknowledged_at": pa.array([acknowledged_at] * len(dead), pa.timestamp("us", "UTC")),
        }
    )


def _dead_letters(batch: Batch, decoded: Decoded) -> list[DeadLetter]:
    if not decoded.rejected:
        return []
    located = [(piece.partition, record) for piece in batch.slices for record in piece.records]
    return [DeadLetter(*located[item.index], tuple(item.violations)) for item in decoded.rejected]
