"""Running the engine: one task polls, one task decides and heartbeats, writes run beside them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from runtally_consumer.engine import Engine
from runtally_consumer.failures import FailureClass, classify
from runtally_consumer.kafka import Assigned, CommitRefused, Revoked
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.records import Batch, Partition, Record
from runtally_consumer.topics import EVENT_TOPICS
from runtally_consumer.writing import BatchWriter

POLL_WAIT_MS = 200
POLL_RECORDS = 20_000
TICK_SECONDS = 0.05
COMMIT_EVERY_SECONDS = 1.0
LIVE_SECONDS = 15.0

log = structlog.get_logger(__name__)


class Source(Protocol):
    """Where records come from; see `KafkaSource` for what may block and raise."""

    async def start(self, topics: Sequence[str], on_revoked: Revoked, on_assigned: Assigned) -> None: ...
    async def poll(self, wait_ms: int, most: int) -> dict[Partition, Sequence[Record]]: ...
    async def commit(self, offsets: Mapping[Partition, int]) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def lag(self) -> dict[Partition, int]: ...
    async def stop(self) -> None: ...


class Consumer:
    """One member of the group, from joining to leaving. `run` returns after `stop` was called and all is drained."""

    def __init__(
        self,
        source: Source,
        engine: Engine,
        writer: BatchWriter,
        metrics: ConsumerMetrics,
        monotonic: Callable[[], float],
        drain_seconds: float,
    ) -> None:
        self._source = source
        self._engine = engine
        self._writer = writer
        self._metrics = metrics
        self._monotonic = monotonic
        self._drain_seconds = drain_seconds
        self._stopping = asyncio.Event()
        self._writes: set[asyncio.Task[None]] = set()
        self._commit_lock = asyncio.Lock()
        self._paused = False
        self._heartbeat = monotonic()
        self._last_arrival = monotonic()
        self._next_commit = 0.0

    def stop(self) -> None:
        """Leave: admit nothing more, write and commit what was read, then let `run` return."""
        self._stopping.set()

    async def catch_up(self, quiet_seconds: float, budget_seconds: float) -> bool:
        """Wait until nothing new has arrived for a while and all that had is durable; False when time ran out.

        For a broker that forgets when it stops: what it holds must be read before. Its end offsets are not
        asked, since the local broker reports them short.
        """
        deadline = self._monotonic() + budget_seconds
        while self._monotonic() < deadline:
            if self._engine.is_idle and self._monotonic() - self._last_arrival >= quiet_seconds:
                return True
            await asyncio.sleep(TICK_SECONDS)
        return False

    def is_alive(self) -> bool:
        """Whether the deciding task still turns. An outage of the store or the broker leaves this true."""
        return self._monotonic() - self._heartbeat < LIVE_SECONDS

    def not_ready_reason(self) -> str | None:
        """Why records are not flowing, None when they are."""
        if self._engine.failure:
            return self._engine.failure
        if not self._engine.partitions and self._engine.epoch == 0:
            return "waiting for partitions"
        return "stopping" if self._stopping.is_set() else None

    async def run(self) -> None:
        """Consume until `stop`. Raises `KafkaError` when no broker answers at the start."""
        await self._source.start(EVENT_TOPICS, self._on_revoked, self._on_assigned)
        poller = asyncio.create_task(self._poll())
        try:
            while not self._stopping.is_set():
                if poller.done():
                    poller.result()
                await self._tick()
            await self._drain()
        finally:
            await self._source.stop()
            await asyncio.gather(poller, return_exceptions=True)

    async def _poll(self) -> None:
        while not self._stopping.is_set():
            self._apply_back_pressure()
            polled = await self._source.poll(POLL_WAIT_MS, POLL_RECORDS)
            if self._stopping.is_set():
                return  # not admitted, so not committed: the next owner reads it
            now = self._monotonic()
            if polled:
                self._last_arrival = now
            for partition, records in polled.items():
                self._engine.offer(partition, records, now)

    def _apply_back_pressure(self) -> None:
        if not self._paused and self._engine.is_over_budget():
            self._source.pause()
            self._paused = True
        elif self._paused and self._engine.is_relaxed():
            self._source.resume()
            self._paused = False

    async def _tick(self) -> None:
        now = self._monotonic()
        self._heartbeat = now
        self._start_due_writes(now)
        if now >= self._next_commit:
            self._next_commit = now + COMMIT_EVERY_SECONDS
            await self._commit()
        self._metrics.buffer_bytes.set(self._engine.held_bytes)
        self._metrics.lag_records.set(sum(self._source.lag().values()) + self._engine.held_records)
        await asyncio.sleep(TICK_SECONDS)

    def _start_due_writes(self, now: float) -> None:
        for batch in self._engine.take_due(now):
            task = asyncio.create_task(self._write(batch))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

    async def _write(self, batch: Batch) -> None:
        try:
            written = await self._writer.write(batch)
        except Exception as error:  # whatever it is: nothing is dropped, and the reason is shown
            failure = classify(error)
            self._metrics.failures.labels(failure).inc()
            level = log.warning if failure is FailureClass.TRANSIENT else log.error
            level("batch not written, it goes again", topic=batch.topic, kind=failure, reason=str(error)[:500])
            self._engine.failed(batch.id, failure, f"{failure}: {error}"[:500], self._monotonic())
            return
        self._engine.written(batch.id)
        self._metrics.batch_rows.observe(len(batch.records))
        self._metrics.accepted.labels(batch.topic).inc(written.accepted)
        self._metrics.unknown_fields.labels(batch.topic).inc(written.unknown_fields.total())
        for reason, count in written.dead.items():
            self._metrics.dead.labels(batch.topic, reason).inc(count)
        for step, seconds in written.seconds.items():
            self._metrics.step_seconds.labels(step).inc(seconds)

    async def _commit(self) -> None:
        async with self._commit_lock:
            offsets = self._engine.committable()
            if not offsets:
                return
            try:
                await self._source.commit(offsets)
            except CommitRefused as error:
                log.warning("offsets not committed, their records will be read again", reason=str(error))
                return
            self._engine.committed(offsets)

    async def _on_revoked(self) -> None:
        self._engine.revoke()
        self._writer.keep_only(self._engine.open_batches)
        await self._finish_writes(self._drain_seconds)
        await self._commit()

    async def _on_assigned(self, partitions: list[Partition]) -> None:
        self._engine.assign(partitions)
        self._paused = False
        self._metrics.rebalances.inc()
        log.info("partitions assigned", partitions=len(partitions), epoch=self._engine.epoch)

    async def _finish_writes(self, seconds: float) -> None:
        if self._writes:
            await asyncio.wait(set(self._writes), timeout=seconds)

    async def _drain(self) -> None:
        """Write what was read, within the budget, and commit it. Whatever is left is read again by the next owner."""
        deadline = self._monotonic() + self._drain_seconds
        self._engine.flush(self._monotonic())
        while not self._engine.is_idle and self._monotonic() < deadline:
            self._heartbeat = self._monotonic()
            self._start_due_writes(self._heartbeat)
            await self._finish_writes(TICK_SECONDS)
            await asyncio.sleep(0 if self._writes else TICK_SECONDS)
        await self._commit()
        log.info("drained" if self._engine.is_idle else "left with records unwritten, they will be read again")
