"""What is recomputed next: due, newest first, of one month, and nobody waits for ever."""

import random
from datetime import UTC, datetime

import pytest
from runtally_clickhouse.rollups import BUCKET_SECONDS, BUCKETS_AT_ONCE, DirtyBucket
from runtally_consumer.rollups.planning import FIRST_BUCKETS, Planner, PlannerLimits, SliceSize, newest_slice

DECEMBER = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
LIMITS = PlannerLimits(hot_seconds=45, target_seconds=3, share=0.1)


def dirty(*starts: int) -> list[DirtyBucket]:
    return [DirtyBucket(start, 1) for start in sorted(starts, reverse=True)]


def before(count: int, end: int = DECEMBER) -> list[DirtyBucket]:
    return dirty(*(end - BUCKET_SECONDS * (n + 1) for n in range(count)))


def test_a_slice_is_of_one_month_and_the_newest() -> None:
    listed = [*dirty(DECEMBER + BUCKET_SECONDS, DECEMBER), *before(5)]
    assert newest_slice(listed, 100) == listed[:2]
    assert newest_slice(listed[2:], 3) == listed[2:5]
    assert newest_slice([], 3) == []


def test_a_bucket_that_is_written_all_the_time_is_not_recomputed_all_the_time() -> None:
    planner = Planner(LIMITS)
    assert planner.choose(before(1), 0.0) == before(1)
    assert planner.choose(before(1), 44.9) == []
    assert planner.choose(before(1), 45.1) == before(1)


def test_a_month_that_is_written_all_the_time_starves_no_other() -> None:
    """The newest take every other turn at most."""
    planner = Planner(PlannerLimits(hot_seconds=1))
    hot = dirty(*(DECEMBER + BUCKET_SECONDS * n for n in range(FIRST_BUCKETS)))
    old = {bucket.start_s for bucket in before(3000)}
    now, turns = 0.0, 0
    while old:
        now, turns = now + 2.0, turns + 1
        listed = [*hot, *dirty(*old)]
        for look in planner.looks():
            chosen = planner.choose([one for one in listed if look is None or one.start_s < look], now)
            if chosen:
                break
            planner.nothing_below()
        assert chosen
        planner.took(chosen, 2.0)
        old -= {bucket.start_s for bucket in chosen}
    assert turns <= 2 * (3000 / FIRST_BUCKETS + 2)


def test_what_became_dirty_above_is_found_again_after_the_way_down() -> None:
    planner = Planner(PlannerLimits(hot_seconds=1, target_seconds=3))
    left = {bucket.start_s for bucket in before(500)}
    drawn = random.Random(5)
    now = 0.0
    for _ in range(400):
        now += 2
        for look in planner.looks():
            chosen = planner.choose([one for one in dirty(*left) if look is None or one.start_s < look], now)
            if chosen:
                break
            planner.nothing_below()
        left -= {bucket.start_s for bucket in chosen}
        if drawn.random() < 0.2 and now < 200:
            left.add(DECEMBER - BUCKET_SECONDS * drawn.randrange(1, 500))
    assert not left


@pytest.mark.parametrize("seconds_a_bucket", [0.0001, 0.01, 0.1, 1.0, 10.0])
def test_slices_take_about_as_long_as_wanted(seconds_a_bucket: float) -> None:
    size = SliceSize(target_seconds=3)
    for _ in range(40):
        size.took(size.buckets, seconds_a_bucket * size.buckets)
    wanted = 3 / seconds_a_bucket
    assert min(wanted / 4, BUCKETS_AT_ONCE) <= max(size.buckets, 1) <= max(1, min(2 * wanted, BUCKETS_AT_ONCE))


def test_slices_grow_where_a_bucket_costs_what_a_month_does() -> None:
    size = SliceSize(target_seconds=3)
    for _ in range(20):
        size.took(size.buckets, 1.0)
    assert size.buckets == BUCKETS_AT_ONCE


def test_a_small_slice_says_nothing_about_large_ones_and_a_failed_one_shrinks() -> None:
    size = SliceSize(target_seconds=3)
    size.took(1, 0.01)
    assert size.buckets == FIRST_BUCKETS
    for _ in range(20):
        size.failed()
    assert size.buckets == 1


def test_a_tenth_of_the_time_is_spent() -> None:
    assert Planner(LIMITS).rest_after(2.0) == pytest.approx(18.0)
