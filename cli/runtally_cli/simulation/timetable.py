"""The plan of a simulation: how many runs begin in which slot, exactly, so that any slot can be drawn alone.

A slot is a few hours with enough runs to hold whole sessions. What happens in it follows from the seed and
its number, so the past and the live part are one story, and the live part need not replay the past.
"""

import hashlib
from bisect import bisect
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from random import Random

from runtally_cli.simulation.fleet import Agent, Fleet, Workspace
from runtally_cli.simulation.seasons import HOUR_US, demand_at, to_us

_SLOT_HOURS = (1, 2, 3, 4, 6, 8, 12, 24)
_ENOUGH_RUNS = 150
MAX_DAYS = 366


class InvalidTimetable(ValueError):
    """A range or a number of runs that cannot be simulated. `str()` says which and why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Some hours, and the number of runs that begin in them."""

    number: int
    start_us: int
    hours: int
    runs: int


class Timetable:
    """The hours from `start` (rounded back to a whole number of hours before `end`) to `end`, and on.

    Exactly `runs` runs begin before `end`; after it the slots go on at the same pace, season and growth.
    """

    def __init__(self, fleet: Fleet, seed: int, start: datetime, end: datetime, runs: int) -> None:
        self.fleet, self.seed, self.runs = fleet, seed, runs
        self.end_us = to_us(end)
        self.hours = -((to_us(start) - self.end_us) // HOUR_US)
        if not 0 < self.hours <= MAX_DAYS * 24:
            raise InvalidTimetable(f"the range must be an hour to {MAX_DAYS} days long, got {end - start}")
        if runs < 1:
            raise InvalidTimetable(f"at least one run is needed, got {runs}")
        self.start_us = self.end_us - self.hours * HOUR_US
        digest = hashlib.sha256(f"{seed}/{self.start_us}/{self.end_us}/{runs}".encode()).hexdigest()
        self.tag = digest[:4]  # keeps readable ids of different simulations apart
        self._key = digest
        self._posts = [(space, agent) for space in fleet.workspaces for agent in space.agents if agent.demand.share > 0]
        self._demand: list[list[float]] = []  # by hour: the agents' weights, accumulated
        self._total: list[int] = [0]  # by hour: whole-number weight of all hours before it
        self._extend(self.hours)
        if not self._total[self.hours]:
            raise InvalidTimetable("no agent takes any work in the range")
        self.slot_hours = next((h for h in _SLOT_HOURS if runs * h >= _ENOUGH_RUNS * self.hours), _SLOT_HOURS[-1])
        self.past_slots = -(-self.hours // self.slot_hours)

    def slot(self, number: int) -> Slot:
        """The slot with this number; those from `past_slots` on lie after the end."""
        first = number * self.slot_hours
        last = min(first + self.slot_hours, self.hours)
        if number >= self.past_slots:
            first = self.hours + (number - self.past_slots) * self.slot_hours
            last = first + self.slot_hours
        self._extend(last)
        begun, done = self._quota(first), self._quota(last)
        return Slot(number, self.start_us + first * HOUR_US, last - first, done - begun)

    def slot_at(self, us: int) -> int:
        """The number of the slot that holds the instant, or of the first one."""
        if us < self.end_us:
            return max(0, (us - self.start_us) // HOUR_US // self.slot_hours)
        return self.past_slots + (us - self.end_us) // HOUR_US // self.slot_hours

    def random(self, *purpose: object) -> Random:
        """Random numbers that depend on the plan and the purpose only."""
        return Random(f"{self._key}/{'/'.join(map(str, purpose))}")

    def draw_start(self, slot: Slot, rng: Random) -> tuple[int, Workspace, Agent]:
        """When a session of the slot begins, to the millisecond, and whose it is."""
        first = (slot.start_us - self.start_us) // HOUR_US
        low, high = self._total[first], self._total[first + slot.hours]
        hour = bisect(self._total, low + rng.random() * (high - low), first, first + slot.hours) - 1
        weights = self._demand[hour]
        workspace, agent = self._posts[min(bisect(weights, rng.random() * weights[-1]), len(self._posts) - 1)]
        offset_ms = int(rng.random() * 3_600_000)
        return self.start_us + hour * HOUR_US + offset_ms * 1000, workspace, agent

    def _quota(self, hour: int) -> int:
        return self._total[hour] * self.runs // self._total[self.hours]

    def _extend(self, hours: int) -> None:
        for hour in range(len(self._demand), hours):
            at = self.start_us + hour * HOUR_US
            weights = list(accumulate(demand_at(space, agent, at, self.end_us) for space, agent in self._posts))
            self._demand.append(weights)
            self._total.append(self._total[-1] + round(weights[-1] * 1_000_000))
