"""Where a draw takes its runs from: every run counted once, every part of the range with its share."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from runtally_clickhouse.draw_places import MOST_PLACES, Share, Stretch, share_out

HOUR_MS = 3_600_000
COUNTS = st.lists(st.integers(1, 400) | st.integers(1, 3) | st.integers(10**5, 10**7), min_size=1, max_size=60)


def stretches(counts: Sequence[int]) -> list[Stretch]:
    return [Stretch(f"w{n % 3}", n // 3 * HOUR_MS, (n // 3 + 1) * HOUR_MS, runs) for n, runs in enumerate(counts)]


@given(COUNTS, st.integers(1, 5000))
def test_as_many_as_asked_for_and_of_none_more_than_it_has(counts: list[int], sample: int) -> None:
    shares = share_out(stretches(counts), sample)
    assert sum(share.runs for share in shares) == min(sample, sum(counts))
    assert all(0 < share.runs <= share.stretch.runs for share in shares)
    assert len({share.stretch for share in shares}) == len(shares)


@given(COUNTS, st.integers(1, 5000))
def test_windows_lie_in_their_stretch_and_share_no_instant(counts: list[int], sample: int) -> None:
    for share in share_out(stretches(counts), sample):
        parts = share.first_parts
        while parts:
            windows = share.windows(parts)
            assert sum(window.runs for window in windows) == share.runs
            ends = [end for window in windows for end in (window.from_ms, window.to_ms)]
            assert ends == sorted(ends)
            assert share.stretch.from_ms <= ends[0] <= ends[-1] <= share.stretch.to_ms
            parts //= 8
    whole = Share(Stretch("w", 5, 9, 3), ((0, 1), (2, 1))).windows(1)
    assert [(window.from_ms, window.to_ms, window.runs) for window in whole] == [(5, 9, 2)]


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=40), st.integers(MOST_PLACES, 5000))
def test_any_beginning_of_the_range_has_its_share(counts: list[int], sample: int) -> None:
    """Of any beginning as many runs as its share, but for the two places beside its end."""
    filled = [stretch for stretch in stretches(counts) if stretch.runs]
    total = sum(counts)
    if total <= 100 * sample:
        return
    taken = {share.stretch: share.runs for share in share_out(filled, sample)}
    before = drawn = 0
    for stretch in filled:
        before += stretch.runs
        drawn += taken.get(stretch, 0)
        assert abs(drawn - sample * before / total) <= 2 * (sample / MOST_PLACES + 1) + sample / 50


def test_the_places_of_equal_days_are_not_always_of_the_same_workspace() -> None:
    """Two places a day, and five workspaces a day: each gets some."""
    days = [Stretch(f"w{n % 5}", n // 5 * HOUR_MS, (n // 5 + 1) * HOUR_MS, 10_000) for n in range(5 * 32)]
    drawn = dict.fromkeys((f"w{n}" for n in range(5)), 0)
    for share in share_out(days, 640):
        drawn[share.stretch.workspace_id] += share.runs
    assert all(100 <= runs <= 160 for runs in drawn.values()), drawn
