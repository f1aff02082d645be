"""Cut-offs of stalled runs that are the same question, and what is looked up to know so."""

import random
from collections.abc import Callable

import pytest
from runtally_api.cut_offs import AHEAD_MS, MOST_QUESTIONS, CutOffs

STARTS = [5_000, 200_000]
Look = tuple[int, int]


def among(starts: list[int], asked: list[Look]) -> Callable[[int, int], int | None]:
    def next_running(first_ms: int, end_ms: int) -> int | None:
        asked.append((first_ms, end_ms))
        return min((start for start in starts if first_ms <= start < end_ms), default=end_ms)

    return next_running


def stalled(starts: list[int], cut_off_ms: int) -> list[bool]:
    return [start < cut_off_ms for start in starts]


def test_cut_offs_are_the_same_until_a_run_stalls() -> None:
    asked: list[Look] = []
    cut_offs, found = CutOffs(), set()
    for at in range(0, 400_000, 1_500):
        same = cut_offs.same_as(at, b"q", "w", among(STARTS, asked))
        assert stalled(STARTS, same) == stalled(STARTS, at), at
        found.add(same)
    assert len(found) == 3
    assert len(asked) < 20


@pytest.mark.parametrize("seed", range(20))
def test_questions_in_any_order_get_cut_offs_that_leave_the_same_runs_on_each_side(seed: int) -> None:
    draw = random.Random(seed)
    starts = [draw.randrange(900_000) for _ in range(draw.randrange(6))]
    asked: list[Look] = []
    cut_offs, at = CutOffs(), 0
    for _ in range(300):
        at = max(0, at + draw.randrange(-50, 8_000))
        question, watermark = bytes([draw.randrange(4)]), "first" if at < 500_000 else "second"
        same = cut_offs.same_as(at, question + watermark.encode(), watermark, among(starts, asked))
        assert stalled(starts, same) == stalled(starts, at), at


def test_a_new_question_looks_for_nothing_and_takes_its_own() -> None:
    asked: list[Look] = []
    cut_offs, look = CutOffs(), among(STARTS, asked)
    assert [cut_offs.same_as(at, bytes([at]), "w", look) for at in range(100)] == [*range(100)]
    assert not asked
    assert [cut_offs.same_as(4_000 + at, bytes([at]), "w", look) for at in range(100)] == [*range(100)]
    assert asked == [(0, 4_000 + AHEAD_MS)]


def test_where_the_data_have_changed_meanwhile_nothing_is_the_same() -> None:
    cut_offs = CutOffs()
    assert cut_offs.same_as(0, b"q", "w", among([], [])) == 0
    assert cut_offs.same_as(1, b"q", "w", lambda first, end: None) == 1
    assert cut_offs.same_as(2, b"q", "w", among([], [])) == 1


def test_the_questions_that_are_remembered_have_a_bound() -> None:
    asked: list[Look] = []
    cut_offs, look = CutOffs(), among([], asked)
    for number in range(MOST_QUESTIONS + 1):
        cut_offs.same_as(0, str(number).encode(), "w", look)
    assert cut_offs.same_as(1, b"0", "w", look) == 1, "the oldest is as new as any"
    assert not asked
    assert cut_offs.same_as(1, str(MOST_QUESTIONS).encode(), "w", look) == 0
