"""Nothing is dropped that is, may become, or may still be read as the current generation."""

import random

from runtally_clickhouse.rollups import Superseded
from runtally_consumer.rollups.dropping import GenerationClock

BUCKET = 1_795_251_600


def test_what_was_replaced_long_ago_is_dropped() -> None:
    clock = GenerationClock(keep_seconds=30)
    assert clock.ripe([Superseded(BUCKET, 5, (3, 4))], 0.0) == []
    assert clock.ripe([Superseded(BUCKET, 5, (3, 4))], 29.9) == []
    assert clock.ripe([Superseded(BUCKET, 5, (3, 4))], 30.0) == [(BUCKET, 3), (BUCKET, 4)]


def test_a_bucket_that_is_replaced_all_the_time_is_cleaned_as_well() -> None:
    clock = GenerationClock(keep_seconds=30)
    for now in range(0, 40, 10):
        ripe = clock.ripe([Superseded(BUCKET, 10 + now, tuple(range(1, 10 + now, 10)))], float(now))
    assert ripe == [(BUCKET, 1)]  # 11 has been current since 0, and replaced since 10 only


def test_another_process_starts_its_clock_anew() -> None:
    GenerationClock(keep_seconds=30).ripe([Superseded(BUCKET, 5, (4,))], 0.0)
    assert GenerationClock(keep_seconds=30).ripe([Superseded(BUCKET, 5, (4,))], 1000.0) == []


def test_nothing_that_a_question_may_read_is_dropped() -> None:
    """Generations are published, looked at and read at drawn moments, by refreshers that may be late."""
    for seed in range(300):
        drawn = random.Random(seed)
        clock = GenerationClock(keep_seconds=30)
        published, held, readings, now = {1}, {1}, list[tuple[float, int]](), 0.0
        for _ in range(60):
            now += drawn.uniform(0, 12)
            match drawn.randrange(4):
                case 0:
                    held.add(max(held) + drawn.randrange(1, 3))
                case 1 if held - published:
                    published.add(drawn.choice(sorted(held - published)))  # the late ones too
                case 2:
                    readings.append((now, max(published)))
                case 3:
                    below = tuple(sorted(one for one in held if one < max(published)))
                    ripe = clock.ripe([Superseded(BUCKET, max(published), below)] if below else [], now)
                    dropped = {generation for _, generation in ripe}
                    running = {generation for began, generation in readings if now - began < 30}
                    assert not dropped & running, seed
                    assert not [one for one in dropped if one >= max(published)], seed
                    held -= dropped
                    published -= dropped
