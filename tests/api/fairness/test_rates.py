"""How often somebody may ask: quotas, headers, and a storage that is away."""

import asyncio
import re

import pytest
from runtally_api.fairness.rates import NoRateStorage, Rate, RateCounters


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_251_600.0

    def __call__(self) -> float:
        return self.now


def hits(counters: RateCounters, number: int, *key: str) -> list[Rate | None]:
    async def ask() -> list[Rate | None]:
        return [await counters.hit("read", 3, *key) for _ in range(number)]

    return asyncio.run(ask())


def test_each_caller_and_route_has_a_quota_of_its_own() -> None:
    counters = RateCounters()
    told = hits(counters, 4, "a", "/runs")
    assert [rate is not None and rate.is_exceeded for rate in told] == [False, False, False, True]
    assert [rate.remaining for rate in told if rate is not None] == [2, 1, 0, 0]
    for other in (("a", "/errors"), ("b", "/runs"), ("a/", "runs")):
        (rate,) = hits(counters, 1, *other)
        assert rate is not None
        assert not rate.is_exceeded


def test_the_headers_are_structured_fields() -> None:
    *_, exceeded = hits(RateCounters(), 4, "a")
    assert exceeded is not None
    headers = exceeded.headers()
    assert headers["RateLimit-Policy"] == '"read";q=3;w=60'
    assert re.fullmatch(r'"read";r=0;t=([1-9]|[1-5]\d|60)', headers["RateLimit"])
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert "Retry-After" not in Rate("read", 3, 1, 5).headers()


def test_looking_counts_nothing() -> None:
    counters = RateCounters()

    async def look() -> list[Rate | None]:
        return [await counters.look("read", 1, "a") for _ in range(3)]

    assert [rate is not None and rate.is_exceeded for rate in asyncio.run(look())] == [False] * 3


def test_a_quota_of_nought_is_none() -> None:
    async def hit() -> Rate | None:
        return await RateCounters().hit("read", 0, "a")

    assert asyncio.run(hit()) is None


@pytest.mark.parametrize("scheme", ["nothing", "redis+nothing"])
def test_a_storage_that_nobody_knows_is_told_with_the_remedy_and_without_its_password(scheme: str) -> None:
    reason = re.escape(f"RUNTALLY_RATE_STORAGE_URL: nothing installed counts at {scheme}:")
    with pytest.raises(NoRateStorage, match=reason) as told:
        RateCounters(f"{scheme}://:zqsecret@host:6379")
    assert "pip install redis" in str(told.value)
    assert "zqsecret" not in str(told.value)


def test_a_storage_that_is_away_lets_everybody_through(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    counters = RateCounters(clock=clock)
    asked = 0

    def away(*_: object) -> Rate:
        nonlocal asked
        asked += 1
        raise ConnectionError("no Redis")

    monkeypatch.setattr(counters, "_is_remote", True)
    monkeypatch.setattr(counters, "_hit", away)
    assert hits(counters, 3, "a") == [None] * 3
    assert asked == 1, "it is asked again only after a while"
    clock.now += 6
    assert hits(counters, 1, "a") == [None]
    assert asked == 2
