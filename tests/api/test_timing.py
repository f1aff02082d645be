"""`Server-Timing`: the parts of a request's time, and that they add up to it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from api.door import Door, run
from runtally_api.timing import RequestTimes


class Clock:
    """Goes on by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_reads_that_overlap_count_once() -> None:
    clock = Clock()
    times = RequestTimes(clock)
    clock.now += 1
    with times.reading():
        clock.now += 2
        with times.reading():
            clock.now += 4
        clock.now += 8
    clock.now += 16
    with times.reading():
        clock.now += 32
    clock.now += 64
    times.composed()
    clock.now += 128
    times.composed()
    assert times.header() == "total;dur=255000.0, store;dur=46000.0, compose;dur=81000.0, encode;dur=128000.0"


def test_parts_that_did_not_happen_are_not_told() -> None:
    clock = Clock()
    times = RequestTimes(clock)
    clock.now += 0.25
    assert times.header() == "total;dur=250.0"

    def fail() -> None:
        with times.reading():
            clock.now += 0.5
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert times.header() == "total;dur=750.0, store;dur=500.0"


def test_reads_of_several_threads_are_one_time() -> None:
    clock, meet = Clock(), Barrier(3)
    times = RequestTimes(clock)

    def read() -> None:
        with times.reading():
            meet.wait(10)
            meet.wait(10)

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        meet.wait(10)
        clock.now += 3
        meet.wait(10)
        for reader in readers:
            reader.result(10)
    assert "store;dur=3000.0" in times.header()


def parts_of(header: str) -> dict[str, float]:
    return {name: float(rest.removeprefix("dur=")) for name, _, rest in (e.partition(";") for e in header.split(", "))}


def test_answers_tell_where_their_time_went(door: Door) -> None:
    door.post(run())
    asked = {"measures": ["runs"]}
    answers = [
        door.client.get("/api/v1/agents/planner/analytics"),
        door.client.get("/api/v1/integrity"),
        door.client.post("/api/v1/query", json=asked),
        door.client.post("/api/v1/query", json=asked, headers={"Accept": "text/csv"}),
    ]
    for answer in answers:
        found = parts_of(answer.headers["server-timing"])
        assert list(found) == ["total", "store", "compose", "encode"]
        assert found["total"] == pytest.approx(found["store"] + found["compose"] + found["encode"], abs=0.21)
    assert list(parts_of(door.client.get("/live").headers["server-timing"])) == ["total"]
    refused = door.client.get("/api/v1/agents?from=x").headers["server-timing"]
    assert list(parts_of(refused)) == ["total"]
