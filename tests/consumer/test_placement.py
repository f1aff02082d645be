"""Where a partition begins: nothing is skipped in silence, and an offset of another topic never counts."""

from dataclasses import replace

import pytest
from runtally_consumer.placement import RETENTION, TRUNCATED, Lost, PartitionFacts, Placement, place

# 10..99 are on the broker, 50 is committed.
FACTS = PartitionFacts(committed=50, committed_in="one", topic_id="one", begin=10, end=100)


def test_it_begins_where_the_group_was() -> None:
    assert place(FACTS) == Placement(50)


@pytest.mark.parametrize("committed", [10, 100])
def test_both_ends_of_the_log_are_no_loss(committed: int) -> None:
    assert place(replace(FACTS, committed=committed)) == Placement(committed)


def test_what_retention_took_is_told_to_the_offset() -> None:
    assert place(replace(FACTS, committed=7)) == Placement(10, Lost(7, 9, 10, RETENTION))


def test_a_group_without_offsets_begins_at_the_earliest_record() -> None:
    assert place(replace(FACTS, committed=None, committed_in="", ledger=())) == Placement(10)


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        ([(0, 59)], Placement(60)),
        ([(0, 9), (30, 59), (10, 29)], Placement(60)),
        ([(0, 29), (40, 59)], Placement(30)),  # 30..39 were in flight
        ([(0, 59), (20, 29)], Placement(60)),
        ([(0, 4)], Placement(10, Lost(5, 9, 10, RETENTION))),
        ([(0, 4), (20, 29)], Placement(10, Lost(5, 9, 10, RETENTION))),
        ([(40, 59)], Placement(10)),
        ([(0, 9)], Placement(10)),
    ],
)
def test_after_its_offsets_expired_it_goes_on_where_the_ledger_ends(
    ledger: list[tuple[int, int]], expected: Placement
) -> None:
    assert place(replace(FACTS, committed=None, committed_in="", ledger=ledger)) == expected


def test_a_truncated_topic_stops() -> None:
    assert place(replace(FACTS, committed=120)) == Placement(100, Lost(100, 119, 100, TRUNCATED))


@pytest.mark.parametrize("committed", [5, 50, 120])
def test_an_offset_of_a_topic_that_is_no_more_counts_for_nothing(committed: int) -> None:
    facts = replace(FACTS, committed=committed, topic_id="two", begin=0)
    assert place(facts) == Placement(0, made_anew=True)


def test_a_topic_that_was_made_anew_and_has_lost_records_already_stops() -> None:
    assert place(replace(FACTS, topic_id="two")) == Placement(10, Lost(0, 9, 10, RETENTION), made_anew=True)


def test_an_offset_of_unknown_origin_beyond_the_end_is_of_another_topic_where_the_ledger_has_nothing_of_this() -> None:
    facts = replace(FACTS, committed=120, committed_in="", begin=0)
    assert facts.needs_ledger
    assert place(replace(facts, ledger=())) == Placement(0, made_anew=True)
    assert place(replace(facts, ledger=[(0, 119)])).lost == Lost(100, 119, 100, TRUNCATED)


def test_without_an_end_to_trust_nothing_is_truncated() -> None:
    assert place(PartitionFacts(50, "", "", 0, None)) == Placement(50)


def test_the_ledger_is_asked_only_where_nothing_else_tells() -> None:
    assert not FACTS.needs_ledger
    assert replace(FACTS, committed=None).needs_ledger
    assert not replace(FACTS, committed=None, ledger=()).needs_ledger


def test_the_loss_is_told_with_its_offsets() -> None:
    lost = place(replace(FACTS, committed=7)).lost
    assert lost is not None
    assert lost.told("agent-runs.v1", 3) == (
        "agent-runs.v1-3 stopped: offsets 7..9 were removed from the topic before they were read"
    )
