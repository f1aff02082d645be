"""Running the engine: one task polls, one task decides and heartbeats, writes and commits run beside them."""

import asyncio
from collections.abc import Callable, Hashable

import structlog

from runtally_consumer.dead_letter_limits import TooManyDeadLetters
from runtally_consumer.engine import Engine
from runtally_consumer.failures import FailureClass, classify
from runtally_consumer.gap_watch import LedgerGapWatch
from runtally_consumer.gauges import gauge_state
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.placement import Lost
from runtally_consumer.polling import Poller
from runtally_consumer.records import Batch, Partition
from runtally_consumer.resuming import ResumeWatch, Stop, StopRegister
from runtally_consumer.source import CommitRefused, Source
from runtally_consumer.standstill import StandstillWatch
from runtally_consumer.store_watch import StoreWatch
from runtally_consumer.topics import EVENT_TOPICS
from runtally_consumer.unread import UnreadWatch
from runtally_consumer.writing import BatchWriter, Written

TICK_SECONDS = 0.05
COMMIT_EVERY_SECONDS = 1.0
WATCH_EVERY_SECONDS = 1.0  # far more often than the longest standstill asks for
LIVE_SECONDS = 15.0
# The group waits for us while we finish; Kafka gives us the rebalance timeout, 60 s, for all of it.
REVOKE_SECONDS = 20.0

log = structlog.get_logger(__name__)


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
        stop_register: StopRegister | None = None,
        store_watch: StoreWatch | None = None,
        gap_watch: LedgerGapWatch | None = None,
    ) -> None:
        self._source = source
        self._engine = engine
        self._writer = writer
        self._metrics = metrics
        self._monotonic = monotonic
        self._drain_seconds = drain_seconds
        self._stopping = asyncio.Event()
        self._poller = Poller(source, engine, self._stopping, monotonic)
        self._standstill = StandstillWatch()
        self._resumes = ResumeWatch(stop_register)
        self._store_watch = store_watch
        self._gap_watch = gap_watch
        self._writes: set[asyncio.Task[None]] = set()
        self._commit_lock = asyncio.Lock()
        self._committing: asyncio.Task[None] | None = None
        self._next_commit = 0.0
        self._commit_failure: str | None = None
        self._heartbeat: float | None = None
        self._next_watch = 0.0
        self._polled_seconds: dict[str, float] = {}
        self._without_partitions_since = monotonic()
        self._unread = UnreadWatch()
        gauge_state(metrics, engine, source, self._unread, writer.unix_seconds, monotonic)

    def stop(self) -> None:
        """Leave: admit nothing more, write and commit what was read, then let `run` return."""
        self._stopping.set()

    async def catch_up(self, quiet_seconds: float, budget_seconds: float) -> bool:
        """Wait until nothing new has arrived for a while and all that had is durable; False when time ran out.

        For a broker that forgets when it stops: what it holds must be read before. Its end offsets are not
        asked, since the local broker reports them short.
        """
        deadline = self._monotonic() + budget_seconds
        while self._monotonic() < deadline and not self._stopping.is_set():
            if self._engine.is_idle and self._poller.quiet_seconds() >= quiet_seconds:
                return True
            await asyncio.sleep(TICK_SECONDS)
        return False

    def is_alive(self) -> bool:
        """Whether the deciding task still turns and no partition stands still for reasons unknown.

        An outage of the store or the broker leaves this true.
        """
        return self.stuck_reason() is None

    def stuck_reason(self) -> str | None:
        """Why only a restart may help; None when alive."""
        if self._heartbeat is None:
            return None
        if (silent := self._monotonic() - self._heartbeat) >= LIVE_SECONDS:
            return f"the deciding task has not turned for {silent:.0f} s"
        if self._stopping.is_set():
            return None
        standing = self._standstill.standing()
        told = [f"{_name(p)} has records and has not moved for {standing[p]:.0f} s" for p in sorted(standing)]
        return "; ".join(told)[:500] or None

    def stopped_partitions(self) -> dict[Partition, str]:
        """The partitions that stand still until someone resumes them, each with the reason."""
        return self._engine.stopped

    def owns(self, partition: Partition) -> bool:
        """Whether the group has given us this partition, as far as we know; not while we leave."""
        return self._engine.is_admitting and partition in self._engine.partitions and not self._stopping.is_set()

    def stop_at_loss(self, partition: Partition, lost: Lost) -> None:
        """The broker has lost records that come next: the partition stands still, and once resumed goes on after them.

        Call it from the consumer's event loop, with the partition held.
        """
        reason = lost.told(*partition)
        self._engine.stop_at_loss(partition, reason, lost.goes_on_at)
        self._metrics.lost_records.labels(partition.topic).inc(lost.last - lost.first + 1)
        self._resumes.stopped(Stop(partition, lost.first, max(lost.goes_on_at, lost.first + 1), reason))
        log.error("partition stopped, `/ready` says so until it is resumed", reason=reason)

    def resume_partition(self, partition: Partition, judged_from: int | None = None) -> bool:
        """Go on with a stopped partition; its records below `judged_from` pass, as many dead letters as they are.

        By default those that it was stopped for, and at least a window. False when it is not stopped here, or was
        stopped for records that `judged_from` does not let pass. Call it from the consumer's event loop.
        """
        stop = self._resumes.stop_of(partition)
        if partition in self._engine.stopped_at_loss:
            log.warning("resuming after lost records", partition=_name(partition))
            return self._engine.resume(partition)
        if stop is None or partition not in self._engine.stopped:
            return self._engine.resume(partition)  # not stopped, or not for what is in its records
        judged_from = stop.judged_from if judged_from is None else judged_from
        if not self._writer.dead_letter_policy.pardon(partition, judged_from):
            return False
        log.warning("resuming a stopped partition", partition=_name(partition), judged_from=judged_from)
        return self._engine.resume(partition)

    def not_ready_reason(self) -> str | None:
        """Why records are not flowing, None when they are."""
        if self._stopping.is_set():
            return "stopping"
        if outage := self._outage():
            return outage
        stopped = self._engine.stopped
        told = "; ".join(stopped[partition] for partition in sorted(stopped))[:500]
        gaps = self._gap_watch.reason if self._gap_watch is not None else None
        return told or self.stuck_reason() or gaps

    @property
    def _drift(self) -> str | None:
        """Why nothing may be written though the store answers."""
        return self._store_watch.drift if self._store_watch is not None else None

    def _outage(self) -> str | None:
        """What keeps all partitions from moving, or may."""
        if self._drift:
            return f"not writing: {self._drift}"[:1000]
        for topic, reason in self._engine.open_breakers.items():
            return f"breaker open for {topic}: {reason}"
        if failure := self._poller.failure or self._engine.failure or self._commit_failure:
            return failure
        now = self._monotonic()
        if self._engine.epoch == 0:
            return "waiting for partitions"
        if not self._engine.is_admitting and now - self._without_partitions_since >= LIVE_SECONDS:
            return f"the group has been rebalancing for {now - self._without_partitions_since:.0f} s"
        if self._engine.partitions and (silent := self._source.silent_seconds()) >= LIVE_SECONDS:
            return f"no broker has answered for {silent:.0f} s"
        return None

    async def run(self) -> None:
        """Consume until `stop`. Raises `KafkaError` or `OSError` when no broker answers at the start.

        Raises what ended the polling early (`SourceBroken`, `OffsetsRepeated`) after it drained and left.
        """
        await self._source.start(EVENT_TOPICS, self._on_revoked, self._on_assigned)
        polling = asyncio.create_task(self._poller.run())
        try:
            while not (self._stopping.is_set() or polling.done()):
                self._tick()
                await asyncio.sleep(TICK_SECONDS)
            self._stopping.set()
            await self._drain()
        finally:
            await self._leave(polling)
        if not polling.cancelled():
            polling.result()

    def _tick(self) -> None:
        now = self._monotonic()
        self._heartbeat = now
        self._resume_requested(now)
        self._release_resumed()
        if self._store_watch is not None:
            self._store_watch.tick(now)
        if self._gap_watch is not None and self._engine.is_admitting:
            self._gap_watch.tick(now, self._engine.partitions)
        self._start_due_writes(now)
        self._start_due_commit(now)
        if now >= self._next_watch:
            self._next_watch = now + WATCH_EVERY_SECONDS
            self._watch(now)
            self._measure_polling()

    def _watch(self, now: float) -> None:
        """Those whose records wait for their turn, here or for memory, move whenever the store answers anyone."""
        pending = self._engine.pending
        unread = {partition for partition, lag in self._source.lag().items() if lag}
        self._unread.observe(self._engine.partitions, unread, now)
        queued = pending | (unread if self._poller.is_paused else set())
        answers = self._writer.answers
        places: dict[Partition, Hashable] = {
            partition: (place, answers if partition in queued else None)
            for partition, place in self._engine.places.items()
        }
        lagging = pending | unread | self._engine.committable().keys()
        excused = places if self._outage() else self._engine.stopped
        self._standstill.observe(places, lagging, excused, now)

    def _resume_requested(self, now: float) -> None:
        for partition, judged_from in self._resumes.take_requested(self._engine.stopped, now).items():
            self.resume_partition(partition, judged_from)

    def _release_resumed(self) -> None:
        if not self._engine.is_admitting:
            return
        for partition, offset in self._engine.take_resumed().items():
            self._source.release(partition, offset)

    def _measure_polling(self) -> None:
        for step, seconds in (("poll", self._poller.poll_seconds), ("blocked", self._poller.blocked_seconds)):
            self._metrics.step_seconds.labels(step).inc(seconds - self._polled_seconds.get(step, 0.0))
            self._polled_seconds[step] = seconds

    def _start_due_writes(self, now: float) -> None:
        if self._drift:
            return
        for batch in self._engine.take_due(now):
            task = asyncio.create_task(self._write(batch))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

    def _start_due_commit(self, now: float) -> None:
        """In a task of its own: a broker that is slow to answer must not hold up the writes.

        Not between the end of a revocation and the next assignment: such a commit could go out in the name of the
        new generation, and take a partition back to where we had left it, behind its new owner.
        """
        if self._committing is not None and self._committing.done():
            finished, self._committing = self._committing, None
            finished.result()
        # At once when nothing else is under way: what was just written is then not read again after a crash.
        due = now >= self._next_commit or self._engine.is_idle
        if due and self._committing is None and self._engine.is_admitting and self._engine.committable():
            self._next_commit = now + COMMIT_EVERY_SECONDS
            self._committing = asyncio.create_task(self._commit())

    async def _write(self, batch: Batch) -> None:
        try:
            written = await self._writer.write(batch)
        except TooManyDeadLetters as error:
            self._stop_partitions(batch, error)
            return
        except Exception as error:  # whatever it is: nothing is dropped, and the reason is shown
            failure = classify(error)
            self._metrics.failures.labels(failure).inc()
            level = log.warning if failure is FailureClass.TRANSIENT else log.error
            level("batch not written, it goes again", topic=batch.topic, kind=failure, reason=str(error)[:500])
            self._engine.failed(batch.id, failure, f"{failure}: {error}"[:500], self._monotonic())
            self._writer.keep_only(self._engine.open_batches)
            return
        self._engine.written(batch.id)
        self._measure(batch, written)
        if not self._stopping.is_set():
            self._start_due_writes(self._monotonic())  # the next one does not wait for the next turn

    def _stop_partitions(self, batch: Batch, error: TooManyDeadLetters) -> None:
        self._engine.stop(batch.id, error.stops, self._monotonic())
        self._writer.keep_only(self._engine.open_batches)
        if not self._engine.is_admitting:
            return  # whoever gets the partitions meets the same records
        for partition in self._engine.stopped.keys() & error.stops.keys():
            self._source.hold(partition)
            first, end = batch.offsets_of(partition)
            window = self._writer.dead_letter_policy.window
            self._resumes.stopped(Stop(partition, first, max(end, first + window), error.stops[partition]))
            log.error("partition stopped, `/ready` says so until it is resumed", reason=error.stops[partition])

    def _measure(self, batch: Batch, written: Written) -> None:
        self._metrics.batch_rows.observe(len(batch.records))
        self._metrics.accepted.labels(batch.topic).inc(written.accepted)
        self._metrics.unknown_fields.labels(batch.topic).inc(written.unknown_fields.total())
        for why, count in written.withdrawn.items():
            self._metrics.withdrawn.labels(batch.topic, why).inc(count)
        for name, count in written.dead.items():
            self._metrics.dead.labels(batch.topic, name).inc(count)
        for step, seconds in written.seconds.items():
            self._metrics.step_seconds.labels(step).inc(seconds)

    async def _commit(self) -> None:
        async with self._commit_lock:
            offsets = self._engine.committable()
            if not offsets:
                return
            began = self._monotonic()
            try:
                await self._source.commit(offsets)
            except CommitRefused as error:
                level = log.error if error.needs_person else log.warning
                level("offsets not committed, their records will be read again", reason=str(error))
                self._commit_failure = f"not committing: {error}"[:500]
                return
            self._commit_failure = None
            self._engine.committed(offsets)
            self._metrics.step_seconds.labels("commit").inc(self._monotonic() - began)

    async def _on_revoked(self) -> None:
        if self._engine.is_admitting:
            self._without_partitions_since = self._monotonic()
        self._engine.revoke()
        self._writer.keep_only(self._engine.open_batches)
        await self._finish_writes(min(self._drain_seconds, REVOKE_SECONDS))
        await self._commit()

    async def _on_assigned(self, partitions: list[Partition]) -> None:
        self._engine.assign(partitions)
        self._writer.dead_letter_policy.forget(self._engine.epoch)
        self._poller.assigned()
        self._unread.assigned()
        self._writer.keep_only(self._engine.open_batches)
        self._commit_failure = None
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

    async def _leave(self, polling: asyncio.Task[None]) -> None:
        """Whatever still runs ends here: a poll may wait for a rebalance that never comes, a write for the store."""
        await self._resumes.leave()
        if self._store_watch is not None:
            await self._store_watch.leave()
        if self._gap_watch is not None:
            await self._gap_watch.leave()
        await self._source.stop()
        running = [polling, *self._writes, *([self._committing] if self._committing else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _name(partition: Partition) -> str:
    return f"{partition.topic}-{partition.number}"
