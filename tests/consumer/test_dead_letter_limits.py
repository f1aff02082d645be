"""How many dead letters are too many: of the last so many records of a partition, not of all its life."""

import pytest
from consumer.samples import P0, P1
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


def test_the_partition_is_named_with_the_numbers_and_nothing_is_counted() -> None:
    policy = DeadLetterPolicy(SMALL)
    for _ in range(2):
        with pytest.raises(TooManyDeadLetters, match=r"agent-runs.v1-0 stopped: 3 of the last 4 records") as raised:
            policy.count({P0: Tally(4, [0, 1, 2]), P1: Tally(20, [0])})
        assert raised.value.stops.keys() == {P0}
    policy.count({P1: Tally(1, [0])})
    policy.count({P1: Tally(0, [])})
    with pytest.raises(TooManyDeadLetters):
        policy.check({P1: Tally(2, [0, 1])})


def test_a_pardon_lets_a_whole_window_pass() -> None:
    policy = DeadLetterPolicy(SMALL)
    policy.pardon(P0)
    policy.count({P0: Tally(49, range(49))})
    policy.count({P0: Tally(30, range(30))})
    with pytest.raises(TooManyDeadLetters, match="50 of the last 50"):
        policy.check({P0: Tally(1, [0])})


def test_an_assignment_forgets() -> None:
    policy = DeadLetterPolicy(SMALL)
    policy.count({P0: Tally(2, [0, 1])})
    policy.forget()
    policy.check({P0: Tally(2, [0, 1])})


def test_without_a_limit_no_share_of_dead_letters_stops_a_partition() -> None:
    window = DeadLetterWindow(NEVER_STOPPED)
    for _ in range(3):
        everything = Tally(20_000, range(20_000))
        assert window.verdict(everything) is None
        window.add(everything)
