"""The decisions of the consumer, without I/O: what to batch, what to write now, what may be committed.

The caller reports what happened (`assign`, `offer`, `written`, `failed`, ...) with the time it happened, and asks
what to do (`take_due`, `committable`, `crowded`). One promise governs all of it: `committable` never
names an offset unless every record before it, in this epoch, was reported as written.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from runtally_consumer.breaker import Breaker
from runtally_consumer.failures import FailureClass
from runtally_consumer.memory import MemoryBudget
from runtally_consumer.records import Batch, Partition, Record, Slice, record_bytes
from runtally_consumer.watermark import Watermark


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """When a batch is full, how many travel at once, how much memory all may hold, what follows a failure."""

    batch_rows: int = 50_000
    batch_bytes: int = 32 * 1024 * 1024
    linger_seconds: float = 0.5
    inserts_in_flight: int = 2
    buffer_bytes: int = 128 * 1024 * 1024
    first_retry_seconds: float = 0.2
    longest_retry_seconds: float = 30.0
    breaker_failures: int = 5
    breaker_seconds: float = 30.0


@dataclass(slots=True)
class _Buffer:
    """What one topic has gathered for its next batch."""

    since: float
    slices: list[Slice] = field(default_factory=list)
    rows: int = 0
    size_bytes: int = 0


@dataclass(slots=True)
class _Open:
    """A batch that was formed and is not written: ready at `not_before`, or in flight."""

    batch: Batch
    not_before: float
    attempts: int = 0
    failure: str | None = None


class Engine:
    """One consumer's state over all its partitions. Not thread-safe: one event loop owns it."""

    def __init__(self, limits: EngineLimits, jitter: Callable[[], float]) -> None:
        self._limits = limits
        self._jitter = jitter
        self._epoch = 0
        self._admitting = False
        self._watermarks: dict[Partition, Watermark] = {}
        self._committed: dict[Partition, int] = {}
        self._buffers: dict[str, _Buffer] = {}
        self._waiting: dict[int, _Open] = {}
        self._in_flight: dict[int, _Open] = {}
        self._turns: dict[str, int] = {}
        self._breakers = defaultdict[str, Breaker](partial(Breaker, limits.breaker_failures, limits.breaker_seconds))
        self._stopped: dict[Partition, str] = {}
        self._resuming: set[Partition] = set()
        self._skips: dict[Partition, int] = {}
        self._turn = count(1)
        self._ids = count(1)
        self._held_bytes = 0
        self._memory = MemoryBudget(limits.buffer_bytes)

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def is_admitting(self) -> bool:
        """Whether partitions are ours to read: false before the first `assign` and while they are revoked."""
        return self._admitting

    @property
    def partitions(self) -> frozenset[Partition]:
        return frozenset(self._watermarks)

    @property
    def held_bytes(self) -> int:
        """Bytes of all records that are buffered, waiting or in flight."""
        return self._held_bytes

    @property
    def held_records(self) -> int:
        """Records of our partitions that were admitted and are not yet written."""
        return sum(mark.pending_records for mark in self._watermarks.values())

    @property
    def places(self) -> dict[Partition, Hashable]:
        """Where each partition is: differs from before when it was read, became durable or was committed further."""
        return {p: (mark.place, self._committed.get(p)) for p, mark in self._watermarks.items()}

    @property
    def pending(self) -> frozenset[Partition]:
        """The partitions with records that were admitted and are not yet durable."""
        return frozenset(p for p, mark in self._watermarks.items() if mark.pending_records)

    def oldest_timestamp_ms(self, topic: str) -> int | None:
        """When the broker got the oldest record of the topic that was read and is not durable; None without any."""
        oldest = [mark.oldest for partition, mark in self._watermarks.items() if partition.topic == topic]
        return min((record.timestamp for record in oldest if record is not None), default=None)

    def newest_timestamps_ms(self, topic: str) -> dict[Partition, int | None]:
        """For each of our partitions of the topic, when the broker got the newest record that was read."""
        return {p: mark.newest_timestamp_ms for p, mark in self._watermarks.items() if p.topic == topic}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is buffered, waiting or in flight."""
        return not (self._in_flight or self._waiting or self._buffers)

    @property
    def open_batches(self) -> frozenset[int]:
        """The ids of all batches that are waiting or in flight."""
        return frozenset(self._in_flight) | frozenset(self._waiting)

    @property
    def failure(self) -> str | None:
        """Why the oldest batch that failed did so the last time; None when every open batch is on its first try."""
        failing = [opened for opened in self._all_open() if opened.failure]
        return min(failing, key=lambda opened: opened.batch.id).failure if failing else None

    @property
    def open_breakers(self) -> dict[str, str]:
        """The topics whose writes fail for a reason that a person must mend, each with that reason."""
        return {topic: breaker.reason for topic, breaker in self._breakers.items() if breaker.reason is not None}

    @property
    def stopped(self) -> dict[Partition, str]:
        """The partitions that stand still until someone resumes them, each with the reason."""
        return dict(self._stopped)

    @property
    def stopped_at_loss(self) -> frozenset[Partition]:
        """Those of the stopped whose next records are gone: resumed, they go on after them."""
        return frozenset(self._skips)

    def assign(self, partitions: Sequence[Partition]) -> None:
        """These partitions, and no others, are ours from now on. Starts an epoch: what was read before is forgotten."""
        self._epoch += 1
        self._admitting = True
        self._watermarks = {partition: Watermark() for partition in partitions}
        self._committed = {}
        self._breakers.clear()
        self._stopped = {}
        self._resuming = set()
        self._skips = {}
        self._drop_unsent()

    def revoke(self) -> None:
        """Nothing new may be admitted. What is in flight may still finish, and then be committed, until `assign`."""
        self._admitting = False
        self._drop_unsent()

    def offer(self, partition: Partition, records: Sequence[Record], now: float) -> None:
        """Admit records in ascending order of offsets; of partitions stopped or not ours they are ignored.

        Raises `OffsetsRepeated` when they do not lie above all that came before in this epoch.
        """
        watermark = self._watermarks.get(partition)
        if watermark is None or not self._admitting or partition in self._stopped:
            return
        for part, size in self._cut(partition.topic, records):
            piece = Slice(partition, self._epoch, part, size)
            watermark.admitted(piece)
            buffer = self._buffers.setdefault(partition.topic, _Buffer(since=now))
            buffer.slices.append(piece)
            buffer.rows += len(part)
            buffer.size_bytes += size
            self._held_bytes += size
            if buffer.rows >= self._limits.batch_rows or buffer.size_bytes >= self._limits.batch_bytes:
                self._form_batch(partition.topic, now)

    def flush(self, now: float) -> None:
        """Form batches of whatever is buffered, however little."""
        for topic in list(self._buffers):
            self._form_batch(topic, now)

    def take_due(self, now: float) -> list[Batch]:
        """The batches to start writing now. Each must come back as `written` or `failed`.

        Topics take turns, the oldest batch of each first. A topic has at most as many batches under way, in flight
        or between two tries, as may be in flight, so an outage is met by the same few again and again. Batches
        that failed before leave one place free: a table that fails, or hangs, holds up no other. Of a topic whose
        breaker is open one batch goes at a time, the one that was tried least.
        """
        for topic, buffer in list(self._buffers.items()):
            if now - buffer.since >= self._limits.linger_seconds:
                self._form_batch(topic, now)
        due: list[Batch] = []
        while ready := [opened for opened in self._waiting.values() if self._may_start(opened, now)]:
            chosen = min(ready, key=self._rank).batch
            self._turns[chosen.topic] = next(self._turn)
            self._in_flight[chosen.id] = self._waiting.pop(chosen.id)
            due.append(chosen)
        return due

    def written(self, batch_id: int) -> None:
        """The batch is durable: its rows in the store, its dead letters acknowledged. Late reports are ignored."""
        if (opened := self._in_flight.pop(batch_id, None)) is None:
            return
        self._held_bytes -= opened.batch.size_bytes
        if opened.batch.epoch == self._epoch:
            self._breakers[opened.batch.topic].succeeded()
        for piece in opened.batch.slices:
            watermark = self._watermarks.get(piece.partition)
            if piece.epoch == self._epoch and watermark is not None:
                watermark.written(piece)

    def failed(self, batch_id: int, failure: FailureClass, reason: str, now: float) -> None:
        """The batch was not written, or its fate is not known: it goes again, with full jitter, for ever.

        A batch of an earlier epoch is dropped instead: whoever owns its partitions now reads it again.
        """
        opened = self._in_flight.pop(batch_id, None)
        if opened is None:
            return
        if opened.batch.epoch != self._epoch:
            self._held_bytes -= opened.batch.size_bytes
            return
        opened.attempts += 1
        opened.failure = reason
        longest = self._limits.longest_retry_seconds
        if failure is FailureClass.TRANSIENT:
            longest = min(longest, self._limits.first_retry_seconds * 2 ** min(opened.attempts, 20))
        opened.not_before = now + max(self._limits.first_retry_seconds / 2, longest * self._jitter())
        self._waiting[batch_id] = opened
        breaker = self._breakers[opened.batch.topic]
        if failure is FailureClass.TRANSIENT:
            breaker.undecided(opened.not_before)
        else:
            breaker.failed(reason, now, opened.not_before)

    def stop(self, batch_id: int, stops: Mapping[Partition, str], now: float) -> None:
        """These partitions of the batch must stand still, each for its reason; the rest of it goes again at once.

        What was admitted of them and is not in flight is forgotten, and pins them.
        """
        opened = self._in_flight.pop(batch_id, None)
        if opened is None:
            return
        if opened.batch.epoch != self._epoch:
            self._held_bytes -= opened.batch.size_bytes
            return
        opened.not_before = now
        self._waiting[batch_id] = opened
        self._stopped |= stops
        self._resuming -= stops.keys()
        for partition in stops:
            self._skips.pop(partition, None)
        self._forget(frozenset(stops))

    def stop_at_loss(self, partition: Partition, reason: str, goes_on_at: int) -> None:
        """The broker has lost records that come next: the partition stands still, and once resumed skips them.

        What was admitted before is written and may be committed. Ignored for a partition that is not ours.
        """
        if partition in self._watermarks:
            self._stopped[partition] = reason
            self._skips[partition] = goes_on_at
            self._resuming.discard(partition)

    def resume(self, partition: Partition) -> bool:
        """Let a stopped partition go on as soon as nothing of it is in flight. False when it is not stopped."""
        if partition not in self._stopped:
            return False
        self._resuming.add(partition)
        return True

    def take_resumed(self) -> dict[Partition, int]:
        """The partitions that go on now, each with the offset to read again from."""
        flying = {piece.partition for opened in self._in_flight.values() for piece in opened.batch.slices}
        resumed = self._resuming - flying - (self._skips.keys() & self.pending)
        self._resuming -= resumed
        offsets = {}
        for partition in resumed:
            del self._stopped[partition]
            watermark = self._watermarks[partition]
            if partition in self._skips:
                watermark.skip_to(self._skips.pop(partition))
            offsets[partition] = watermark.restart()
        return offsets

    def committable(self) -> dict[Partition, int]:
        """The offsets to commit, for the partitions whose durable prefix grew since `committed`."""
        return {
            partition: watermark.next_offset
            for partition, watermark in self._watermarks.items()
            if watermark.next_offset is not None and self._committed.get(partition) != watermark.next_offset
        }

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """The broker has acknowledged these offsets."""
        self._committed.update({p: offset for p, offset in offsets.items() if p in self._watermarks})

    def crowded(self, paused: Collection[Partition]) -> frozenset[Partition]:
        """Our partitions that must not be read now, for memory; `paused` are those of the last answer."""
        if not self._watermarks or self._held_bytes <= self._limits.buffer_bytes // 2:
            return frozenset()
        held = dict.fromkeys(self._watermarks, 0)
        slices = [piece for buffer in self._buffers.values() for piece in buffer.slices]
        slices += [piece for opened in self._all_open() for piece in opened.batch.slices]
        for piece in slices:
            if piece.partition in held:
                held[piece.partition] += piece.size_bytes
        return self._memory.crowded(held, self._held_bytes, paused)

    def room_bytes(self) -> int:
        """How much may be read before `crowded` must be asked again."""
        return self._memory.room_bytes(self._held_bytes)

    def _all_open(self) -> list[_Open]:
        return [*self._in_flight.values(), *self._waiting.values()]

    def _rank(self, opened: _Open) -> tuple[int, int, int]:
        """The least starts first: topics take turns, then the oldest batch, or the probe."""
        topic = opened.batch.topic
        probing = self._breakers[topic].reason is not None
        return self._turns.get(topic, 0), opened.attempts if probing else 0, opened.batch.id

    def _may_start(self, opened: _Open, now: float) -> bool:
        most = self._limits.inserts_in_flight
        topic = opened.batch.topic
        flying = sum(1 for other in self._in_flight.values() if other.batch.topic == topic)
        if not self._breakers[topic].may_start(now, flying):
            return False
        if opened.not_before > now or len(self._in_flight) >= most:
            return False
        if opened.attempts:
            return sum(1 for flying in self._in_flight.values() if flying.attempts) < max(1, most - 1)
        under_way = [*self._in_flight.values(), *(waiting for waiting in self._waiting.values() if waiting.attempts)]
        return sum(1 for other in under_way if other.batch.topic == topic) < most

    def _cut(self, topic: str, records: Sequence[Record]) -> Iterator[tuple[tuple[Record, ...], int]]:
        """The records in parts that fill a batch to its limits, each with its bytes. A part has one record at least."""
        start = 0
        while start < len(records):
            buffer = self._buffers.get(topic)
            rows_left = self._limits.batch_rows - (buffer.rows if buffer else 0)
            bytes_left = self._limits.batch_bytes - (buffer.size_bytes if buffer else 0)
            end, size = start, 0
            while end < len(records) and end - start < rows_left and size < bytes_left:
                size += record_bytes(records[end])
                end += 1
            yield tuple(records[start:end]), size
            start = end

    def _form_batch(self, topic: str, now: float) -> None:
        buffer = self._buffers.pop(topic)
        batch = Batch(next(self._ids), self._epoch, topic, tuple(buffer.slices), buffer.size_bytes)
        self._waiting[batch.id] = _Open(batch, not_before=now)

    def _forget(self, partitions: frozenset[Partition]) -> None:
        """Take the slices of the partitions out of all that is not in flight. A batch that changes is a new one."""
        for topic, buffer in list(self._buffers.items()):
            buffer.slices, size = _without(buffer.slices, partitions)
            buffer.rows = sum(len(piece.records) for piece in buffer.slices)
            buffer.size_bytes -= size
            self._held_bytes -= size
            if not buffer.slices:
                del self._buffers[topic]
        for id, opened in list(self._waiting.items()):
            kept, size = _without(opened.batch.slices, partitions)
            if len(kept) == len(opened.batch.slices):
                continue
            del self._waiting[id]
            self._held_bytes -= size
            if kept:
                smaller = replace(
                    opened.batch, id=next(self._ids), slices=tuple(kept), size_bytes=opened.batch.size_bytes - size
                )
                self._waiting[smaller.id] = replace(opened, batch=smaller)

    def _drop_unsent(self) -> None:
        unsent = sum(buffer.size_bytes for buffer in self._buffers.values())
        unsent += sum(opened.batch.size_bytes for opened in self._waiting.values())
        self._held_bytes -= unsent
        self._buffers.clear()
        self._waiting.clear()


def _without(slices: Sequence[Slice], partitions: frozenset[Partition]) -> tuple[list[Slice], int]:
    """The slices of other partitions, and the bytes of those left out."""
    gone = [piece for piece in slices if piece.partition in partitions]
    kept = [piece for piece in slices if piece.partition not in partitions]
    return kept, sum(piece.size_bytes for piece in gone)
