"""The engine by example: when a batch forms, what goes when, what may be committed."""

from collections.abc import Sequence

import pytest
from consumer.samples import F0, FEEDBACK, P0, P1, RUNS, StoredRecord, bare, span
from runtally_consumer.engine import Engine, EngineLimits
from runtally_consumer.failures import FailureClass
from runtally_consumer.records import Partition, record_bytes
from runtally_consumer.watermark import OffsetsRepeated

LIMITS = EngineLimits(
    batch_rows=10,
    batch_bytes=100_000,
    linger_seconds=1.0,
    inserts_in_flight=2,
    buffer_bytes=50 * record_bytes(StoredRecord(0)),
    first_retry_seconds=0.2,
    longest_retry_seconds=30.0,
)
TRANSIENT, SYSTEMIC = FailureClass.TRANSIENT, FailureClass.SYSTEMIC


def engine_of(*partitions: Partition, limits: EngineLimits = LIMITS, jitter: float = 1.0) -> Engine:
    engine = Engine(limits, lambda: jitter)
    engine.assign(partitions)
    return engine


def offsets(records: Sequence[object]) -> list[int]:
    return [record.offset for record in records]  # type: ignore[attr-defined] # records of any kind


def test_a_batch_forms_when_it_has_waited_long_enough() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 3), now=5.0)
    assert engine.take_due(5.9) == []
    (batch,) = engine.take_due(6.0)
    assert (batch.topic, batch.epoch, offsets(batch.records)) == (RUNS, 1, [0, 1, 2])


def test_a_batch_never_has_more_rows_than_the_limit() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 25), now=0.0)
    assert [len(batch.records) for batch in engine.take_due(0.0)] == [10, 10]
    assert engine.held_records == 25


def test_a_batch_is_full_by_bytes_too() -> None:
    engine = engine_of(P0, limits=EngineLimits(batch_rows=1000, batch_bytes=2_000))
    engine.offer(P0, [StoredRecord(n, b"v" * 800) for n in range(5)], now=0.0)
    assert [offsets(batch.records) for batch in engine.take_due(0.0)] == [[0, 1], [2, 3]]


def test_one_record_above_the_limit_is_a_batch_of_its_own() -> None:
    engine = engine_of(P0, limits=EngineLimits(batch_rows=1000, batch_bytes=2_000))
    engine.offer(P0, [StoredRecord(0, b"v" * 5_000), StoredRecord(1)], now=0.0)
    assert [offsets(batch.records) for batch in engine.take_due(0.0)] == [[0]]


def test_partitions_of_one_topic_travel_together_and_topics_apart() -> None:
    engine = engine_of(P0, P1, F0)
    for partition in (P0, P1, F0):
        engine.offer(partition, span(0, 2), now=0.0)
    runs, feedback = engine.take_due(2.0)
    assert [piece.partition for piece in runs.slices] == [P0, P1]
    assert [piece.partition for piece in feedback.slices] == [F0]


def test_records_of_other_partitions_are_ignored() -> None:
    engine = engine_of(P0)
    engine.offer(P1, span(0, 100), now=0.0)
    assert engine.is_idle
    assert engine.held_bytes == 0


def test_offsets_that_come_twice_are_an_error() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 3), now=0.0)
    with pytest.raises(OffsetsRepeated):
        engine.offer(P0, span(2, 4), now=0.0)


def test_only_what_is_written_without_a_hole_may_be_committed() -> None:
    engine = engine_of(P0, P1)
    engine.offer(P0, span(0, 10), now=0.0)
    engine.offer(P0, span(10, 15), now=0.0)
    engine.offer(P1, span(50, 55), now=0.0)
    first, second = engine.take_due(0.0)
    engine.written(second.id)
    assert engine.committable() == {P1: 55}
    engine.committed({P1: 55})
    assert engine.committable() == {}
    engine.written(first.id)
    assert engine.committable() == {P0: 15}
    assert engine.is_idle
    assert (engine.held_bytes, engine.held_records) == (0, 0)


def test_a_commit_that_was_refused_is_offered_again() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 10), now=0.0)
    (batch,) = engine.take_due(0.0)
    engine.written(batch.id)
    assert engine.committable() == engine.committable() == {P0: 10}


def test_a_failed_batch_goes_again_for_ever_and_pins_its_partitions() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 10), now=0.0)
    now = 0.0
    for _ in range(50):
        (batch,) = engine.take_due(now)
        engine.failed(batch.id, TRANSIENT, "away", now)
        assert engine.failure == "away"
        assert engine.committable() == {}
        assert engine.take_due(now) == []
        now += 30.0
    (batch,) = engine.take_due(now)
    engine.written(batch.id)
    assert engine.committable() == {P0: 10}
    assert engine.failure is None


def test_the_wait_doubles_from_the_first_to_the_longest_with_full_jitter() -> None:
    for jitter, expected in ((1.0, [0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]), (0.0, [0.1] * 9)):
        engine = engine_of(P0, jitter=jitter)
        engine.offer(P0, span(0, 10), now=0.0)
        now = 0.0
        for wait in expected:
            (batch,) = engine.take_due(now)
            engine.failed(batch.id, TRANSIENT, "away", now)
            assert engine.take_due(now + wait - 0.01) == []
            now += wait + 1e-9


def test_a_systemic_failure_waits_long_from_the_first_time() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 10), now=0.0)
    (batch,) = engine.take_due(0.0)
    engine.failed(batch.id, SYSTEMIC, "no such table", 0.0)
    assert engine.take_due(29.9) == []
    assert engine.take_due(30.0) == [batch]


def broken_engine() -> Engine:
    """Two batches of P0 have failed three times each, another of it waits; 100 s have passed."""
    engine = engine_of(P0, F0, jitter=0.0)
    engine.offer(P0, span(0, 30), now=0.0)
    for now in (97.0, 98.0, 99.0):
        for batch in engine.take_due(now):
            engine.failed(batch.id, SYSTEMIC, "no such table", now)
        for batch in engine.take_due(now + 0.5):
            engine.failed(batch.id, SYSTEMIC, "no such table", now + 0.5)
    return engine


def test_failures_that_need_a_person_open_the_breaker_of_their_topic_only() -> None:
    engine = broken_engine()
    assert engine.open_breakers == {RUNS: "no such table"}
    (probe,) = engine.take_due(100.0)
    engine.offer(F0, span(0, 10), now=100.0)
    assert [batch.topic for batch in engine.take_due(100.0)] == [FEEDBACK]
    engine.failed(probe.id, SYSTEMIC, "still none", 100.0)
    assert engine.open_breakers == {RUNS: "still none"}
    assert engine.take_due(100.0) == []


def test_a_probe_that_succeeds_closes_the_breaker() -> None:
    engine = broken_engine()
    (probe,) = engine.take_due(100.0)
    engine.written(probe.id)
    assert engine.open_breakers == {}
    assert len(engine.take_due(100.0)) == 2


def test_the_probe_is_the_batch_that_was_tried_least() -> None:
    """One that fails for reasons of its own must not keep the breaker open for the others."""
    engine = engine_of(P0, jitter=0.0)
    engine.offer(P0, span(0, 10), now=0.0)
    for now in range(5):
        (batch,) = engine.take_due(float(now))
        engine.failed(batch.id, SYSTEMIC, "odd", float(now))
    engine.offer(P0, span(10, 20), now=9.0)
    (probe,) = engine.take_due(9.0)
    assert probe != batch
    engine.written(probe.id)
    assert engine.open_breakers == {}
    assert engine.committable() == {}


def test_new_partitions_begin_with_a_closed_breaker() -> None:
    engine = broken_engine()
    engine.revoke()
    engine.assign([P0])
    assert engine.open_breakers == {}


def test_a_stopped_partition_is_pinned_while_the_rest_of_its_batch_goes_on() -> None:
    engine = engine_of(P0, P1)
    engine.offer(P0, span(0, 5), now=0.0)
    engine.offer(P1, span(0, 15), now=0.0)
    engine.offer(P0, span(5, 8), now=0.0)
    first, last = engine.take_due(2.0)
    engine.stop(first.id, {P0: "too many"}, 2.0)
    assert engine.stopped == {P0: "too many"}
    (smaller,) = engine.take_due(2.0)
    assert smaller.id != first.id
    assert [(piece.partition, len(piece.records)) for piece in smaller.slices] == [(P1, 5)]
    engine.offer(P0, span(8, 30), now=3.0)  # ignored
    assert engine.take_due(9.0) == []
    assert {piece.partition for piece in last.slices} == {P1}
    for batch in (smaller, last):
        engine.written(batch.id)
    assert engine.committable() == {P1: 15}
    assert engine.held_bytes == 0


def test_a_resumed_partition_is_read_again_from_its_first_record_that_is_not_durable() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 30), now=0.0)
    first, second = engine.take_due(0.0)
    assert not engine.resume(P0)
    engine.stop(first.id, {P0: "too many"}, 0.0)
    assert engine.resume(P0)
    assert engine.take_resumed() == {}  # not while a batch of it is in flight
    engine.written(second.id)
    assert engine.committable() == {}
    assert engine.is_idle
    assert engine.take_resumed() == {P0: 0}
    assert engine.stopped == {}
    engine.offer(P0, span(0, 10), now=1.0)
    (again,) = engine.take_due(1.0)
    engine.written(again.id)
    assert engine.committable() == {P0: 10}


def test_a_stop_that_comes_too_late_stops_nothing() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 10), now=0.0)
    (batch,) = engine.take_due(0.0)
    engine.revoke()
    engine.assign([P0])
    engine.stop(batch.id, {P0: "too many"}, 0.0)
    engine.stop(batch.id, {P0: "too many"}, 0.0)
    assert (engine.stopped, engine.held_bytes) == ({}, 0)


def test_no_more_batches_travel_than_may() -> None:
    engine = engine_of(P0, F0)
    engine.offer(P0, span(0, 40), now=0.0)
    engine.offer(F0, span(0, 40), now=0.0)
    first, second = engine.take_due(0.0)
    assert engine.take_due(0.0) == []
    engine.written(first.id)
    assert len(engine.take_due(0.0)) == 1
    engine.written(second.id)
    assert len(engine.take_due(0.0)) == 1


def test_an_outage_is_met_by_the_same_few_batches_oldest_first() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 50), now=0.0)
    first, second = engine.take_due(0.0)
    engine.failed(second.id, TRANSIENT, "away", 0.0)
    engine.failed(first.id, TRANSIENT, "away", 0.0)
    assert engine.take_due(0.1) == []
    assert engine.take_due(10.0) == [first]  # and the second place stays free
    engine.written(first.id)
    third, fourth = engine.take_due(10.0)
    assert (third, offsets(fourth.records)) == (second, list(range(20, 30)))


def test_a_topic_that_fails_does_not_hold_up_the_others() -> None:
    engine = engine_of(P0, F0)
    engine.offer(F0, span(0, 50), now=0.0)
    for batch in engine.take_due(0.0):
        engine.failed(batch.id, SYSTEMIC, "agent_feedback is missing", 0.0)
    engine.offer(P0, span(0, 10), now=0.0)
    (batch,) = engine.take_due(0.0)
    assert batch.topic == RUNS
    engine.written(batch.id)
    assert engine.committable() == {P0: 10}
    assert engine.failure == "agent_feedback is missing"


def test_topics_take_turns() -> None:
    engine = engine_of(P0, F0)
    engine.offer(P0, span(0, 40), now=0.0)
    engine.offer(F0, span(0, 40), now=0.0)
    started = []
    for _ in range(4):
        batches = engine.take_due(0.0)
        started += [batch.topic for batch in batches]
        for batch in batches:
            engine.written(batch.id)
    assert started == [RUNS, FEEDBACK] * 4


def test_a_table_that_hangs_leaves_a_place_to_the_others() -> None:
    engine = engine_of(P0, F0)
    engine.offer(F0, span(0, 30), now=0.0)
    for batch in engine.take_due(0.0):
        engine.failed(batch.id, TRANSIENT, "timed out", 0.0)
    (hanging,) = engine.take_due(10.0)
    assert hanging.topic == FEEDBACK
    assert engine.take_due(20.0) == []
    engine.offer(P0, span(0, 10), now=20.0)
    (batch,) = engine.take_due(20.0)
    assert batch.topic == RUNS


def test_revoking_forgets_what_was_not_sent_and_admits_nothing() -> None:
    engine = engine_of(P0, P1)
    engine.offer(P0, span(0, 30), now=0.0)
    flying, _ = engine.take_due(0.0)
    engine.offer(P1, span(0, 3), now=0.0)
    engine.revoke()
    engine.offer(P0, span(30, 40), now=0.0)
    assert not engine.is_admitting
    assert flying.id in engine.open_batches
    assert engine.held_bytes == 2 * flying.size_bytes
    engine.written(flying.id)
    assert engine.committable() == {P0: 10}


def test_a_late_acknowledgement_of_an_old_epoch_is_ignored() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 10), now=0.0)
    (late,) = engine.take_due(0.0)
    engine.revoke()
    engine.assign([P0])
    engine.offer(P0, span(0, 10), now=1.0)
    engine.written(late.id)
    assert engine.committable() == {}
    (again,) = engine.take_due(1.0)
    assert engine.held_bytes == again.size_bytes
    engine.written(again.id)
    assert engine.committable() == {P0: 10}
    assert engine.held_bytes == 0


def test_a_late_failure_of_an_old_epoch_is_dropped_and_not_shown() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 10), now=0.0)
    (late,) = engine.take_due(0.0)
    engine.revoke()
    engine.assign([P1])
    engine.failed(late.id, TRANSIENT, "away", 1.0)
    assert engine.failure is None
    assert engine.is_idle
    assert engine.held_bytes == 0


def test_a_failure_is_forgotten_with_its_partitions() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 10), now=0.0)
    (batch,) = engine.take_due(0.0)
    engine.failed(batch.id, SYSTEMIC, "away", 0.0)
    engine.revoke()
    engine.assign([])
    assert engine.failure is None


def test_reports_about_unknown_batches_are_ignored() -> None:
    engine = engine_of(P0)
    engine.written(7)
    engine.failed(7, TRANSIENT, "away", 0.0)
    assert engine.is_idle


def test_flush_forms_batches_of_whatever_there_is() -> None:
    engine = engine_of(P0, F0)
    engine.offer(P0, bare(3), now=0.0)
    engine.offer(F0, bare(4), now=0.0)
    engine.flush(0.0)
    assert [offsets(batch.records) for batch in engine.take_due(0.0)] == [[3], [4]]


def test_memory_is_crowded_until_half_of_it_is_free() -> None:
    engine = engine_of(P0)
    engine.offer(P0, span(0, 50), now=0.0)
    assert engine.crowded(()) == {P0}
    for held in (40, 30):
        engine.written(engine.take_due(0.0)[0].id)
        assert engine.held_records == held
        assert engine.crowded({P0}) == {P0}
    engine.written(engine.take_due(0.0)[0].id)
    assert engine.crowded({P0}) == frozenset()


def test_headers_weigh_too() -> None:
    plain, heavy = StoredRecord(0), StoredRecord(0, headers=[("h", b"v" * 1000), ("n", None)])
    assert record_bytes(heavy) > record_bytes(plain) + 1000
