"""The watermark never passes a slice that is not durable."""

import pytest
from consumer.samples import P0, bare, span
from hypothesis import given
from hypothesis import strategies as st
from runtally_consumer.records import Slice
from runtally_consumer.watermark import OffsetsRepeated, Watermark


def piece(*offsets: int) -> Slice:
    return Slice(P0, 1, tuple(bare(*offsets)))


def test_nothing_is_durable_at_first() -> None:
    mark = Watermark()
    mark.admitted(piece(4, 5))
    assert mark.next_offset is None
    assert mark.pending_records == 2


def test_written_in_order_moves_to_the_next_offset() -> None:
    mark = Watermark()
    first, second = piece(4, 5), piece(6)
    mark.admitted(first)
    mark.admitted(second)
    mark.written(first)
    assert mark.next_offset == 6
    mark.written(second)
    assert mark.next_offset == 7
    assert mark.pending_records == 0


def test_a_hole_pins_it() -> None:
    mark = Watermark()
    pieces = [piece(0), piece(1), piece(2)]
    for one in pieces:
        mark.admitted(one)
    mark.written(pieces[1])
    mark.written(pieces[2])
    assert mark.next_offset is None
    assert mark.pending_records == 1
    mark.written(pieces[0])
    assert mark.next_offset == 3


def test_gaps_in_offsets_are_crossed() -> None:
    mark = Watermark()
    first, second = piece(0, 7), piece(100, 2000)
    mark.admitted(first)
    mark.admitted(second)
    mark.written(second)
    assert mark.next_offset is None
    mark.written(first)
    assert mark.next_offset == 2001


@pytest.mark.parametrize("again", [[5], [4], [3, 9]])
def test_an_offset_that_came_before_is_refused(again: list[int]) -> None:
    mark = Watermark()
    mark.admitted(piece(4, 5))
    with pytest.raises(OffsetsRepeated, match=r"agent-runs\.v1-0: offset"):
        mark.admitted(piece(*again))


def test_an_offset_below_the_durable_prefix_is_refused_too() -> None:
    mark = Watermark()
    first = piece(4, 5)
    mark.admitted(first)
    mark.written(first)
    with pytest.raises(OffsetsRepeated):
        mark.admitted(piece(0))
    assert mark.next_offset == 6


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.randoms(use_true_random=False), st.integers(0, 12))
def test_it_is_the_end_of_the_longest_written_prefix(lengths: list[int], random: object, taken: int) -> None:
    mark = Watermark()
    pieces, at = [], 0
    for length in lengths:
        pieces.append(Slice(P0, 1, tuple(span(at, at + length))))
        at += length + 2
        mark.admitted(pieces[-1])
    order = list(range(len(pieces)))
    random.shuffle(order)  # type: ignore[attr-defined] # Hypothesis' Random
    done: set[int] = set()
    for index in order[:taken]:
        mark.written(pieces[index])
        done.add(index)
        prefix = next((i for i in range(len(pieces)) if i not in done), len(pieces))
        assert mark.next_offset == (pieces[prefix - 1].next_offset if prefix else None)
