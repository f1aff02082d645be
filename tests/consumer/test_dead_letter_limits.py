"""How many dead letters are too many: of the last so many records of a partition, not of all its life."""

import pytest
from consumer.samples import P0, P1, RUNS, span
from hypothesis import given
from hypothesis import strategies as st
from runtally_consumer.dead_letter_limits import (
    NEVER_STOPPED,
    DeadLetterLimit,
    DeadLetterPolicy,
    DeadLetterWindow,
    Tally,
    TooManyDeadLetters,
)
from runtally_consumer.records import Batch, Partition, Slice

SMALL = DeadLetterLimit(window=50, share=0.1, fewest=3)


@pytest.mark.parametrize(
    ("records", "dead", "stops"),
    [
        (99, 99, False),
        (100, 100, True),
        (2_000, 100, False),
        (1_999, 100, True),
        (10_000, 500, False),
        (10_000, 501, True),
        (50_000, 501, False),
    ],
)
def test_more_than_five_percent_and_at_least_a_hundred(records: int, dead: int, stops: bool) -> None:
    window = DeadLetterWindow(DeadLetterLimit())
    assert (window.verdict(Tally(records, range(dead))) is not None) is stops


@given(
    st.lists(st.lists(st.booleans(), max_size=60), max_size=12),
    st.lists(st.booleans(), max_size=60),
)
def test_only_the_last_records_count(before: list[list[bool]], following: list[bool]) -> None:
    window = DeadLetterWindow(SMALL)
    for flags in before:
        window.add(tally(flags))
    last = [*(flag for flags in before for flag in flags), *following][-SMALL.window :]
    stops = sum(last) >= SMALL.fewest and sum(last) > SMALL.share * len(last)
    assert (window.verdict(tally(following)) is not None) is stops


def tally(flags: list[bool]) -> Tally:
    return Tally(len(flags), [at for at, flag in enumerate(flags) if flag])


def batch(id: int, *parts: tuple[Partition, int, int], epoch: int = 1) -> Batch:
    """A batch of bare records: of each part the partition, the first offset and the end."""
    slices = tuple(Slice(partition, epoch, tuple(span(first, end))) for partition, first, end in parts)
    return Batch(id, epoch, RUNS, slices, 0)


def test_the_partition_is_named_with_the_numbers_and_nothing_is_counted() -> None:
    policy = DeadLetterPolicy(SMALL)
    both = batch(1, (P0, 0, 4), (P1, 0, 20))
    for _ in range(2):
        with pytest.raises(TooManyDeadLetters, match=r"agent-runs.v1-0 stopped: 3 of the last 4 records") as raised:
            policy.let_through(both, [0, 1, 2, 4])
        assert raised.value.stops.keys() == {P0}
    policy.let_through(batch(2, (P1, 0, 1)), [0])
    policy.let_through(batch(3, (P1, 1, 2)), [])
    with pytest.raises(TooManyDeadLetters, match="3 of the last 4"):
        policy.let_through(batch(4, (P1, 2, 4)), [0, 1])


def test_batches_under_way_are_judged_together_and_counted_once() -> None:
    policy = DeadLetterPolicy(SMALL)
    policy.let_through(batch(1, (P0, 0, 5)), [0, 1])
    policy.let_through(batch(1, (P0, 0, 5)), [0, 1])  # tried again
    with pytest.raises(TooManyDeadLetters, match="4 of the last 10"):
        policy.let_through(batch(2, (P0, 5, 10)), [0, 1])
    policy.written(1)
    with pytest.raises(TooManyDeadLetters, match="4 of the last 10"):
        policy.let_through(batch(2, (P0, 5, 10)), [0, 1])


def test_what_the_store_refuses_afterwards_counts_with_the_rest() -> None:
    policy = DeadLetterPolicy(SMALL)
    one = batch(1, (P0, 0, 10))
    policy.let_through(one, [0, 1])
    assert policy.stops(one, [0, 1, 2]).keys() == {P0}
    with pytest.raises(TooManyDeadLetters):
        policy.let_through(one, [0, 1, 2])


def test_a_batch_that_is_given_up_counts_no_more() -> None:
    policy = DeadLetterPolicy(SMALL)
    policy.let_through(batch(1, (P0, 0, 5)), [0, 1])
    policy.keep_only([])
    policy.let_through(batch(2, (P0, 0, 5)), [0, 1])


def test_a_pardon_lets_pass_what_lies_below_it_and_forgets_what_came_before() -> None:
    policy = DeadLetterPolicy(SMALL)
    policy.let_through(batch(1, (P0, 0, 5)), [0, 1])
    policy.written(1)
    assert policy.pardon(P0, 60)
    assert not policy.pardon(P0, 60)
    policy.let_through(batch(2, (P0, 0, 60), (P1, 0, 2)), range(61))
    policy.written(2)
    with pytest.raises(TooManyDeadLetters, match="3 of the last 3"):
        policy.let_through(batch(3, (P0, 58, 63)), range(5))
    policy.let_through(batch(3, (P0, 58, 62)), range(4))


def test_only_new_dead_letters_stop_a_partition() -> None:
    policy = DeadLetterPolicy(SMALL)
    policy.pardon(P0, 10)
    policy.let_through(batch(1, (P0, 10, 12)), [0, 1])
    policy.written(1)
    policy.let_through(batch(2, (P0, 12, 13)), [])


def test_an_assignment_forgets_and_counts_nothing_of_earlier_epochs() -> None:
    policy = DeadLetterPolicy(SMALL)
    policy.let_through(batch(1, (P0, 0, 2)), [0, 1])
    policy.forget(2)
    policy.let_through(batch(2, (P0, 0, 2)), [0, 1])  # still of the first
    policy.let_through(batch(3, (P0, 0, 2), epoch=2), [0, 1])


def test_without_a_limit_no_share_of_dead_letters_stops_a_partition() -> None:
    window = DeadLetterWindow(NEVER_STOPPED)
    for _ in range(3):
        everything = Tally(20_000, range(20_000))
        assert window.verdict(everything) is None
        window.add(everything)
