"""The engine under every order of events that Hypothesis can think of."""

import hypothesis.strategies as st
from consumer.samples import FEEDBACK, RUNS, StoredRecord
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from runtally_consumer.engine import Engine, EngineLimits
from runtally_consumer.failures import FailureClass
from runtally_consumer.records import Batch, Partition, record_bytes

PARTITIONS = [Partition(RUNS, 0), Partition(RUNS, 1), Partition(FEEDBACK, 0)]
# Small, and mostly equal from epoch to epoch, so that late reports meet the same offsets again.
OWNED = st.sampled_from([PARTITIONS, PARTITIONS[:2], PARTITIONS[1:]])
GAPS_OF_A_BATCH = [0, 0, 0, 0]
GAPS = st.sampled_from([[0], [0, 2, 0], GAPS_OF_A_BATCH, [0] * 9])
LIMITS = EngineLimits(
    batch_rows=4, batch_bytes=4_000, linger_seconds=1.0, inserts_in_flight=2, buffer_bytes=10_000, first_retry_seconds=1
)


class EngineMachine(RuleBasedStateMachine):
    """A model that only knows which records were admitted, and which of them the store has."""

    @initialize(jitter=st.floats(0, 1), owned=OWNED)
    def start(self, jitter: float, owned: list[Partition]) -> None:
        self.engine = Engine(LIMITS, lambda: jitter)
        self.now = 0.0
        self.epoch = 0
        self.broker = dict.fromkeys(PARTITIONS, 0)  # committed there, whoever committed it
        self.stored: dict[Partition, set[int]] = {partition: set() for partition in PARTITIONS}
        self.flying: dict[int, Batch] = {}
        self.refusals: dict[str, list[float]] = {}
        self.assign(owned)

    @precondition(lambda self: not self.admitting)
    @rule(owned=OWNED)
    def assign(self, owned: list[Partition]) -> None:
        self.engine.assign(owned)
        self.epoch += 1
        self.admitting = True
        self.owned = owned
        self.stopped: set[Partition] = set()
        self.losses: dict[Partition, int] = {}  # where those go on that stopped because records are gone
        self.refusals = {RUNS: [], FEEDBACK: []}  # systemic ones since the last success
        self.broken: set[str] = set()
        self.admitted: dict[Partition, list[int]] = {partition: [] for partition in owned}
        self.durable: dict[Partition, set[int]] = {partition: set() for partition in owned}
        self.position = {partition: self.broker[partition] for partition in owned}

    @precondition(lambda self: self.admitting)
    @rule()
    def revoke(self) -> None:
        self.engine.revoke()
        self.admitting = False

    @precondition(lambda self: self.flying)
    @rule()
    def same_partitions_again_while_inserts_travel(self) -> None:
        """What the broker has not seen committed is read again, in the same slices."""
        self.engine.revoke()
        self.assign(PARTITIONS)
        self.offer(GAPS_OF_A_BATCH, 0)

    @precondition(lambda self: self.admitting)
    @rule(gaps=GAPS, size=st.sampled_from([0, 900]))
    def offer(self, gaps: list[int], size: int) -> None:
        for partition in self.owned:
            at = self.position[partition]
            records = []
            for gap in gaps:
                records.append(StoredRecord(at + gap, b"v" * size))
                at = records[-1].offset + 1
            self.engine.offer(partition, records, self.now)
            if partition in self.stopped:
                continue  # read again later
            self.admitted[partition] += [record.offset for record in records]
            self.position[partition] = at

    @rule(partition=st.sampled_from(PARTITIONS))
    def offer_what_is_not_ours(self, partition: Partition) -> None:
        if not self.admitting or partition not in self.owned:
            self.engine.offer(partition, [StoredRecord(0)], self.now)

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.5, 40.0]))
    def take(self, seconds: float) -> None:
        self.now += seconds
        flying = [batch.topic for batch in self.flying.values()]
        for batch in self.engine.take_due(self.now):
            assert batch.id not in self.flying
            assert len(batch.records) <= LIMITS.batch_rows
            assert {piece.partition.topic for piece in batch.slices} == {batch.topic}
            self.flying[batch.id] = batch
        for topic in self.broken:  # probes go one at a time
            now_flying = [batch.topic for batch in self.flying.values()].count(topic)
            assert now_flying <= max(1, flying.count(topic))

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def written(self, data: st.DataObject) -> None:
        batch = self.flying.pop(data.draw(st.sampled_from(sorted(self.flying))))
        self.engine.written(batch.id)
        if batch.epoch == self.epoch:
            self.refusals[batch.topic] = []
            self.broken.discard(batch.topic)
        for piece in batch.slices:
            offsets = {record.offset for record in piece.records}
            self.stored[piece.partition] |= offsets
            if batch.epoch == self.epoch and piece.partition in self.owned:
                self.durable[piece.partition] |= offsets

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), failure=st.sampled_from(FailureClass), applied=st.booleans())
    def failed(self, data: st.DataObject, failure: FailureClass, applied: bool) -> None:
        batch = self.flying.pop(data.draw(st.sampled_from(sorted(self.flying))))
        self.engine.failed(batch.id, failure, "away", self.now)
        if batch.epoch == self.epoch and failure is not FailureClass.TRANSIENT:
            refusals = self.refusals[batch.topic]
            refusals.append(self.now)
            if len(refusals) >= 5 or self.now - refusals[0] >= 30:
                self.broken.add(batch.topic)
        if applied:  # the acknowledgement was lost: the store has it, nobody knows
            for piece in batch.slices:
                self.stored[piece.partition] |= {record.offset for record in piece.records}

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def too_many_dead_letters(self, data: st.DataObject) -> None:
        batch = self.flying.pop(data.draw(st.sampled_from(sorted(self.flying))))
        partition = data.draw(st.sampled_from([piece.partition for piece in batch.slices]))
        self.engine.stop(batch.id, {partition: "a bad deploy"}, self.now)
        if batch.epoch == self.epoch:
            self.stopped.add(partition)
            self.losses.pop(partition, None)
        assert set(self.engine.stopped) == self.stopped

    @precondition(lambda self: self.admitting)
    @rule(partition=st.sampled_from(PARTITIONS), lost=st.integers(1, 3))
    def retention_takes_what_comes_next(self, partition: Partition, lost: int) -> None:
        if partition in self.stopped:
            return  # nobody reads it
        goes_on_at = self.position.get(partition, 0) + lost
        self.engine.stop_at_loss(partition, "gone", goes_on_at)
        if partition in self.owned:
            self.stopped.add(partition)
            self.losses[partition] = goes_on_at
        assert self.engine.stopped_at_loss == self.losses.keys()

    @rule(partition=st.sampled_from(PARTITIONS))
    def resume(self, partition: Partition) -> None:
        assert self.engine.resume(partition) == (partition in self.stopped)

    @precondition(lambda self: self.admitting)
    @rule()
    def take_resumed(self) -> None:
        flying = {piece.partition for batch in self.flying.values() for piece in batch.slices}
        for partition, offset in self.engine.take_resumed().items():
            assert partition not in flying
            self.stopped.remove(partition)
            prefix = [one for one in self.admitted[partition] if one < offset]
            assert set(prefix) <= self.durable[partition]
            if partition in self.losses:  # once all before it is durable; what is gone counts as accepted
                assert prefix == self.admitted[partition]
                assert offset == self.losses.pop(partition)
                prefix = [*prefix, offset - 1]
            self.admitted[partition] = prefix
            self.durable[partition] = set(prefix)
            self.position[partition] = offset

    @rule(fate=st.sampled_from(["acknowledged", "answer lost", "lost"]))
    def commit(self, fate: str) -> None:
        offsets = self.engine.committable()
        if fate == "lost":
            assert self.engine.committable() == offsets
            return
        self.broker.update(offsets)
        if fate == "acknowledged":
            self.engine.committed(offsets)
            assert self.engine.committable() == {}

    @rule()
    def flush(self) -> None:
        self.engine.flush(self.now)

    @invariant()
    def committable_is_within_the_durable_prefix(self) -> None:
        for partition, offset in self.engine.committable().items():
            admitted = self.admitted[partition]
            below = [one for one in admitted if one < offset]
            assert set(below) <= self.durable[partition]
            assert below
            assert below[-1] == offset - 1

    @invariant()
    def what_can_be_committed_is_offered(self) -> None:
        for partition, admitted in self.admitted.items():
            prefix = 0
            while prefix < len(admitted) and admitted[prefix] in self.durable[partition]:
                prefix += 1
            offered = self.engine.committable().get(partition)
            if prefix and offered is None:
                assert self.broker[partition] == admitted[prefix - 1] + 1

    @invariant()
    def held_bytes_are_those_of_what_is_held(self) -> None:
        assert self.engine.held_bytes == sum(
            record_bytes(record) for batch in self._held_batches() for record in batch.records
        ) + sum(buffer.size_bytes for buffer in self.engine._buffers.values())
        assert self.engine.held_bytes >= 0
        assert self.engine.is_idle == (self.engine.held_bytes == 0)

    @invariant()
    def who_holds_less_than_a_share_of_the_last_quarter_is_read(self) -> None:
        crowded = self.engine.crowded(frozenset())
        assert crowded <= set(self.owned)
        held = dict.fromkeys(self.owned, 0)
        slices = [piece for batch in self._held_batches() for piece in batch.slices]
        slices += [piece for buffer in self.engine._buffers.values() for piece in buffer.slices]
        for piece in slices:
            if piece.partition in held:
                held[piece.partition] += piece.size_bytes
        share = LIMITS.buffer_bytes // 4 // len(self.owned)
        is_full = self.engine.held_bytes >= LIMITS.buffer_bytes * 3 // 4
        assert crowded == {partition for partition in self.owned if is_full and held[partition] >= share}

    @invariant()
    def every_admitted_record_is_durable_or_held(self) -> None:
        if not self.admitting:
            return
        held: dict[Partition, set[int]] = {partition: set() for partition in PARTITIONS}
        slices = [piece for batch in self._held_batches() for piece in batch.slices]
        slices += [piece for buffer in self.engine._buffers.values() for piece in buffer.slices]
        for piece in slices:
            if piece.epoch == self.epoch:
                held[piece.partition] |= {record.offset for record in piece.records}
        for partition, admitted in self.admitted.items():
            known = self.durable[partition] | held[partition]
            assert known <= set(admitted) if partition in self.stopped else known == set(admitted)
            assert not self.durable[partition] & held[partition]

    @invariant()
    def breakers_are_open_for_what_fails_again_and_again(self) -> None:
        assert set(self.engine.open_breakers) == self.broken

    @invariant()
    def few_are_in_flight(self) -> None:
        assert set(self.engine._in_flight) == set(self.flying)
        assert len(self.flying) <= LIMITS.inserts_in_flight
        assert {opened.batch.epoch for opened in self.engine._waiting.values()} <= {self.epoch}
        for topic in (RUNS, FEEDBACK):
            tried = [one for one in self.engine._all_open() if one.batch.topic == topic and one.attempts]
            assert len(tried) <= LIMITS.inserts_in_flight

    def _held_batches(self) -> list[Batch]:
        return [opened.batch for opened in self.engine._all_open()]

    def teardown(self) -> None:
        """From any state on, once the store answers everything that was admitted becomes durable."""
        if not hasattr(self, "engine"):
            return
        for batch_id in list(self.flying):
            self.engine.written(batch_id)
        self.engine.flush(self.now)
        for _ in range(1000):
            if self.engine.is_idle:
                break
            self.now += 30.0
            for batch in self.engine.take_due(self.now):
                self.engine.written(batch.id)
        assert self.engine.is_idle
        assert self.engine.held_bytes == 0


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
