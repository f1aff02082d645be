"""How `runtally dlq resume` waits: a partition goes on, is stopped again, or does not move, and is told so."""

import asyncio
import time
from dataclasses import asdict, replace
from typing import Any, cast

import pytest
from runtally.streams import Streams
from runtally_cli.dlq import resuming
from runtally_cli.dlq.resuming import Outcome, resume_stopped
from runtally_cli.verification.broker import Broker
from runtally_clickhouse.partition_stops import PartitionStop
from runtally_consumer.records import Partition

P0, P1, P2 = (Partition("agent-runs.v1", number) for number in range(3))
STOPS = [PartitionStop("kafka-1", *place, 100, 10_100, "too many") for place in (P0, P1, P2)]
STANDING, END = 100, 20_000


class _World:
    """The store's stops, and what the group has committed; `moves` is what happens after each look."""

    def __init__(self, *moves: dict[Partition, int | PartitionStop]) -> None:
        self.stops = {Partition(stop.topic, stop.partition): stop for stop in STOPS}
        self.offsets = dict.fromkeys(self.stops, STANDING)
        self.requests: list[Any] = []
        self._moves = list(moves)
        self.streams = Streams("kafka-1", None)
        self.partitions = list(self.stops)
        self.held_by = "here"

    async def committed(self) -> dict[Partition, int]:
        seen = dict(self.offsets)
        for place, move in (self._moves.pop(0) if self._moves else {}).items():
            if isinstance(move, PartitionStop):
                self.stops[place], move = move, move.stopped_offset
            self.offsets[place] = move
        return seen

    async def bounds(self) -> dict[Partition, tuple[int, int]]:
        return dict.fromkeys(self.stops, (0, END))

    def run(self, operation: str, parameters: Any = None) -> list[Any]:
        if operation == "request_resumes":
            self.requests += parameters["requests"]
            return []
        return [asdict(stop) for stop in self.stops.values()]


def _wait(world: _World, seconds: float) -> tuple[dict[int, Outcome], list[str]]:
    told: list[str] = []
    deadline = time.monotonic() + seconds
    outcomes = asyncio.run(resume_stopped(world, cast(Broker, world), STOPS, deadline, told.append))
    return {one.stop.partition: one for one in outcomes}, told


def test_each_partition_is_told_as_what_became_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "LOOK_EVERY_SECONDS", 0.0)
    again = replace(STOPS[1], stopped_offset=25_000, judged_from=35_000, reason="too many, once more")
    world = _World({}, {P0: 101}, {P1: again})

    outcomes, told = _wait(world, 0.2)

    assert {number: one.goes_on for number, one in outcomes.items()} == {0: True, 1: False, 2: False}
    assert outcomes[0].told == "agent-runs.v1-0: goes on"
    assert outcomes[1].told == "agent-runs.v1-1: stopped again: too many, once more"
    assert "agent-runs.v1-2: has not moved yet; the request stands" in outcomes[2].told
    assert told[3:] == [outcomes[number].told for number in (0, 1, 2)]


def test_who_does_not_wait_has_asked_nevertheless() -> None:
    world = _World({P0: 101})

    outcomes, _ = _wait(world, 0)

    assert not any(one.goes_on for one in outcomes.values())
    assert [(one["partition"], one["judged_from"]) for one in world.requests] == [(0, END), (1, END), (2, END)]
