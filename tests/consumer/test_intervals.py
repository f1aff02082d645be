"""Intervals against sets of offsets, which are obviously right."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from runtally_consumer.intervals import Counted, Interval, count_once, missing, of_offsets, union

INTERVALS = st.builds(lambda first, width: Interval(first, first + width), st.integers(0, 40), st.integers(0, 12))


def _offsets(intervals: Sequence[Interval]) -> set[int]:
    return {offset for one in intervals for offset in range(one.first, one.last + 1)}


@given(st.lists(INTERVALS))
def test_a_union_has_the_same_offsets_in_as_few_intervals_as_can_be(intervals: list[Interval]) -> None:
    joined = union(intervals)

    assert _offsets(joined) == _offsets(intervals)
    assert all(left.last + 1 < right.first for left, right in pairwise(joined))
    assert joined == of_offsets(_offsets(intervals)) == union(reversed(intervals))


@given(st.lists(INTERVALS), st.integers(0, 50), st.integers(-1, 60))
def test_what_is_missing_is_the_rest(intervals: list[Interval], first: int, last: int) -> None:
    holes = missing(union(intervals), first, last)

    assert _offsets(holes) == set(range(first, last + 1)) - _offsets(intervals)
    assert holes == union(holes)


@given(st.data())
def test_redeliveries_are_counted_once(data: st.DataObject) -> None:
    """Each delivery begins where a range of the one before ended, and is cut in its own way."""
    dead = data.draw(st.sets(st.integers(0, 30)), "dead")
    ranges: set[Counted] = set()
    begin, end = 0, 0
    boundaries = [0]
    for _ in range(data.draw(st.integers(1, 4), "deliveries")):
        end = max(end, data.draw(st.integers(begin, 30), "last") + 1)
        cuts = sorted(data.draw(st.sets(st.integers(begin + 1, end)), "cuts") | {begin, end})
        for first, after in pairwise(cuts):
            refused = len(dead & set(range(first, after)))
            ranges.add(Counted(first, after - 1, after - first - refused, refused))
        boundaries = [one for one in boundaries if one <= begin] + cuts
        begin = data.draw(st.sampled_from([one for one in boundaries if one <= 29] or [0]), "committed")
    refused = len(dead & set(range(end)))

    assert count_once(ranges) == (end - refused, refused)


def test_ranges_that_no_chain_leads_through_are_not_guessed_at() -> None:
    assert count_once([Counted(0, 9, 10, 0), Counted(5, 14, 10, 0)]) is None


def test_intervals_are_told_shortly() -> None:
    assert [str(Interval(3, 3)), str(Interval(3, 9))] == ["3", "3..9"]
