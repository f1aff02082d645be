"""What is a gap, what is none, and what nobody can tell."""

from hypothesis import given
from hypothesis import strategies as st
from runtally_cli.verification.judgement import Fault, Finding, PartitionLedger, Place, Verdict, judge, to_look_at
from runtally_consumer.intervals import Counted, Interval, of_offsets

LOCAL, KAFKA = "local-1", "kafka-cluster"


def _ledger(*ranges: tuple[int, int] | Counted, stream: str = KAFKA) -> PartitionLedger:
    counted = [one if isinstance(one, Counted) else Counted(*one, one[1] - one[0] + 1, 0) for one in ranges]
    return PartitionLedger(stream, "agent-runs.v1", 0, counted)


def _judged(ledger: PartitionLedger, place: Place | None, records: set[int] | None = None) -> Verdict:
    """As if the broker had these records."""
    found = {
        one: of_offsets(offset for offset in records or () if one.first <= offset <= one.last)
        for one in to_look_at(ledger, place)
    }
    return judge(ledger, place, found)


def _faults(verdict: Verdict) -> list[tuple[Fault, str]]:
    return [(finding.fault, str(finding.offsets)) for finding in verdict.findings]


def test_whole_is_whole() -> None:
    ledger = _ledger((0, 9), Counted(10, 19, 7, 3), (10, 14), (15, 29))

    for place in (None, Place(30, 0, 30), Place(20, 0, 30), Place(None, 0, 30)):
        verdict = _judged(ledger, place)
        assert (verdict.findings, verdict.untold) == ([], [])
    assert to_look_at(ledger, Place(30, 0, 30)) == []
    assert verdict.covered == [Interval(0, 29)]


def test_a_gap_on_the_broker_is_told_exactly_and_control_records_are_none() -> None:
    ledger = _ledger((0, 9), (11, 19), (30, 39))
    records = set(range(40)) - {10, 20, 21, 25}

    verdict = _judged(ledger, Place(40, 0, 40), records)

    assert _faults(verdict) == [(Fault.NOT_IN_LEDGER, "22..24"), (Fault.NOT_IN_LEDGER, "26..29")]
    assert verdict.findings[0] == Finding(Fault.NOT_IN_LEDGER, Interval(22, 24), 0, 3)
    assert verdict.untold == []


def test_gaps_at_the_start_and_before_the_committed_offset_are_gaps_too() -> None:
    verdict = _judged(_ledger((5, 9)), Place(15, 0, 20), set(range(20)))

    assert _faults(verdict) == [(Fault.NOT_IN_LEDGER, "0..4"), (Fault.NOT_IN_LEDGER, "10..14")]


def test_committed_and_nothing_in_the_ledger() -> None:
    assert _faults(_judged(_ledger(), Place(3, 0, 9), set(range(9)))) == [(Fault.NOT_IN_LEDGER, "0..2")]


def test_above_the_committed_offset_inserts_are_in_flight() -> None:
    assert _judged(_ledger((0, 9), (20, 29)), Place(10, 0, 30), set(range(30))).findings == []


def test_what_retention_removed_is_not_known_at_the_start_and_a_loss_in_the_middle() -> None:
    first_known = _judged(_ledger((5, 9)), Place(10, 7, 10))
    assert (first_known.findings, [str(one) for one, _ in first_known.untold]) == ([], ["0..4"])

    lost = _judged(_ledger((0, 4), (10, 14)), Place(15, 7, 15), set(range(15)))
    assert _faults(lost) == [(Fault.REMOVED, "5..6"), (Fault.NOT_IN_LEDGER, "7..9")]


def test_the_local_broker_is_not_asked_as_its_offsets_are_dense() -> None:
    for place in (None, Place(30, 0, 28)):
        ledger = _ledger((5, 9), Counted(12, 29, 10, 0), stream=LOCAL)
        assert to_look_at(ledger, place) == []
        assert _faults(_judged(ledger, place)) == [
            (Fault.HOLE, "0..4"), (Fault.HOLE, "10..11"), (Fault.MISCOUNTED, "12..29"),
        ]  # fmt: skip


def test_a_stream_of_another_cluster_that_is_over_is_not_known() -> None:
    verdict = _judged(_ledger((5, 9), Counted(11, 19, 5, 0)), None)

    assert verdict.findings == []
    assert [str(one) for one, _ in verdict.untold] == ["0..4", "10", "11..19"]


def test_records_are_counted_against_the_broker() -> None:
    ledger = _ledger(Counted(0, 9, 7, 1))
    place = Place(10, 0, 10)

    assert _judged(ledger, place, set(range(8))).findings == []
    assert _judged(ledger, place, set(range(9))).findings == [Finding(Fault.MISCOUNTED, Interval(0, 9), 8, 9)]
    compacted = _judged(ledger, place, set(range(5)))
    assert (compacted.findings, len(compacted.untold)) == ([], 1)
    assert _judged(_ledger(Counted(0, 9, 10, 1)), place).findings == [Finding(Fault.MISCOUNTED, Interval(0, 9), 11, 10)]


def test_a_broker_that_stops_answering_proves_nothing() -> None:
    verdict = judge(_ledger((0, 4), (10, 14), Counted(15, 19, 1, 0)), Place(20, 0, 20), {})

    assert verdict.findings == []
    assert [str(one) for one, _ in verdict.untold] == ["5..9", "15..19"]


def test_a_topic_that_was_made_anew_is_told() -> None:
    assert _faults(_judged(_ledger((0, 99)), Place(10, 0, 10))) == [(Fault.MADE_ANEW, "10..99")]


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.integers(0, 61), st.sampled_from([KAFKA, LOCAL]))
def test_a_hole_is_found_wherever_it_is_made(records: set[int], lost: set[int], committed: int, stream: str) -> None:
    """The oracle: committed records that the ledger does not have are the gaps, and nothing else is."""
    if stream == LOCAL:
        records = set(range(61))
    kept = sorted(records - lost)
    ledger = _ledger(*((one.first, one.last) for one in of_offsets(kept)), stream=stream)

    verdict = _judged(ledger, Place(committed, 0, 61), records)

    gaps = {offset for one in verdict.findings for offset in range(one.offsets.first, one.offsets.last + 1)}
    assert gaps == {offset for offset in records & lost if offset < committed}
    assert verdict.untold == []
    assert (verdict.accepted, verdict.dead) == (len(kept), 0)
