"""What people and programs read."""

from runtally_cli.verification.judgement import PartitionLedger, Place, Verdict, judge
from runtally_cli.verification.report import Report
from runtally_consumer.intervals import Counted


def _verdict(stream: str, place: Place | None, *ranges: Counted) -> Verdict:
    return judge(PartitionLedger(stream, "agent-runs.v1", 0, ranges), place, {})


def test_a_gap_is_told_with_its_offsets_and_a_stream_that_is_over_in_one_line() -> None:
    over = _verdict("local-1", None, Counted(0, 9, 9, 1))
    present = _verdict("local-2", Place(20, 0, 20), Counted(0, 4, 5, 0), Counted(7, 19, 13, 0))
    report = Report("the store", "local-2", "group runtally on here", [present, over])

    assert list(report.lines()) == [
        "runtally verify: the ledger in the store; group runtally on here",
        "stream local-1 (over)",
        "  ok    1 partitions: records 10 = accepted 9 + dead 1",
        "stream local-2 (present)",
        "  WRONG agent-runs.v1[0]         covers 0..4, 7..19, committed 20: accepted 18, dead 0",
        "        offsets 5..6: not in the ledger: 2 records, 0 accounted for",
        "NOT proven: records 28 = accepted 27 + dead 1; gaps and mismatches 1, not known 0",
    ]
    assert not report.is_proven
    document = report.as_json()
    assert (document["ok"], document["counts"]["records"]) == (False, 28)
    assert document["partitions"][0]["findings"] == [
        {"fault": "hole", "first": 5, "last": 6, "counted": 0, "produced": 2}
    ]


def test_what_is_not_known_is_told_and_is_no_fault() -> None:
    report = Report("the store", "", "no broker", [_verdict("kafka", None, Counted(5, 9, 5, 0))])

    assert report.is_proven
    assert "        not known: offsets 0..4: no broker has this stream any more" in list(report.lines())
    assert report.counts()["untold"] == 1
