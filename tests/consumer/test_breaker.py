"""When the breaker opens, what it lets through, when it closes."""

import pytest
from runtally_consumer.breaker import Breaker


def broken(times: int, seconds_apart: float = 0.0) -> Breaker:
    breaker = Breaker(failures=5, seconds=30.0)
    for number in range(times):
        breaker.failed(f"no {number}", number * seconds_apart, probe_at=number * seconds_apart + 10)
    return breaker


@pytest.mark.parametrize(
    ("times", "seconds_apart", "reason"),
    [(4, 0.0, None), (5, 0.0, "no 4"), (4, 9.9, None), (4, 10.0, "no 3"), (2, 30.0, "no 1"), (1, 0.0, None)],
)
def test_it_opens_after_five_failures_or_thirty_seconds_of_them(
    times: int, seconds_apart: float, reason: str | None
) -> None:
    assert broken(times, seconds_apart).reason == reason


def test_closed_it_lets_everything_through() -> None:
    assert broken(4).may_start(0.0, in_flight=7)


def test_open_it_lets_one_probe_through_when_the_wait_is_over() -> None:
    breaker = broken(5)
    assert not breaker.may_start(9.9, in_flight=0)
    assert breaker.may_start(10.0, in_flight=0)
    assert not breaker.may_start(10.0, in_flight=1)


def test_a_probe_that_fails_keeps_it_open_with_the_newest_reason() -> None:
    breaker = broken(5)
    breaker.failed("still", 10.0, probe_at=40.0)
    assert breaker.reason == "still"
    assert not breaker.may_start(39.0, in_flight=0)


def test_a_success_closes_it_and_all_begins_anew() -> None:
    breaker = broken(5)
    breaker.succeeded()
    assert breaker.reason is None
    breaker.failed("once more", 100.0, probe_at=130.0)
    assert breaker.reason is None


def test_failures_before_a_success_do_not_count() -> None:
    breaker = broken(4)
    breaker.succeeded()
    breaker.failed("one", 31.0, probe_at=32.0)
    assert breaker.reason is None


def test_a_failure_that_passes_by_itself_neither_opens_nor_closes() -> None:
    breaker = broken(4)
    for _ in range(9):
        breaker.undecided(probe_at=1.0)
    assert breaker.reason is None
    breaker = broken(5)
    breaker.undecided(probe_at=50.0)
    assert breaker.reason == "no 4"
    assert not breaker.may_start(49.0, in_flight=0)
