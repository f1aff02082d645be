"""The records of a simulated fleet: the past (`simulate`), from now on (`live`), any stretch between."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import attrgetter

from runtally_cli.simulation.companions import activity_around, feedback_on, lifecycle_of
from runtally_cli.simulation.fleet import Fleet
from runtally_cli.simulation.record import Record
from runtally_cli.simulation.run import Member
from runtally_cli.simulation.seasons import DAY_US, HOUR_US, from_us, to_us
from runtally_cli.simulation.sessions import Scene
from runtally_cli.simulation.snapshots import last_snapshot_us, run_snapshots
from runtally_cli.simulation.story import Story
from runtally_cli.simulation.timetable import Slot, Timetable

# The longest that a session's echo lasts: the last turn within four hours, a hand-off and its iterations,
# each with runs of three hours at most, and feedback within six.
_ECHO_US = DAY_US
_event_us = attrgetter("event_us")


def simulate(fleet: Fleet, seed: int, start: datetime, end: datetime, runs: int) -> Iterator[Record]:
    """The past: exactly `runs` runs that begin in [start, end), and all that was published before `end`.

    In order of time, and the same bytes for the same arguments. Raises `InvalidTimetable`.
    """
    return past(Timetable(fleet, seed, start, end, runs))


def live(fleet: Fleet, seed: int, now: datetime, runs_per_day: int) -> Iterator[Record]:
    """The future without a past: endless, in order of time, the first runs begin at `now`."""
    return future(live_timetable(fleet, seed, now, runs_per_day), finish_open_runs=False)


def live_timetable(fleet: Fleet, seed: int, now: datetime, runs_per_day: int) -> Timetable:
    """A plan that ends at `now`, for a `future` at this pace on average over a week."""
    return Timetable(fleet, seed, now - timedelta(days=7), now, 7 * runs_per_day)


def past(plan: Timetable) -> Iterator[Record]:
    """All that was published before the plan's end."""
    return records_between(plan, from_us(plan.start_us), from_us(plan.end_us))


def future(plan: Timetable, finish_open_runs: bool = True) -> Iterator[Record]:
    """What is due from the plan's end on, endless. `finish_open_runs`: its past was published."""
    if finish_open_runs:
        return records_between(plan, from_us(plan.end_us))
    return _records(plan, plan.past_slots, plan.end_us, None)


def records_between(plan: Timetable, since: datetime, until: datetime | None = None) -> Iterator[Record]:
    """What is due in [since, until), in order of time; endless without `until`.

    Neighbouring ranges join without a gap or an overlap, the plan's end included: a run that was open in
    the past ends in the live part.
    """
    since_us = to_us(since)
    return _records(plan, plan.slot_at(since_us - _ECHO_US), since_us, None if until is None else to_us(until))


def _records(plan: Timetable, number: int, since_us: int, until_us: int | None) -> Iterator[Record]:
    story = Story(plan)
    members = {
        (space.workspace_id, agent.agent_id): Member(space, agent)
        for space in plan.fleet.workspaces
        for agent in space.agents
    }
    pending: list[Record] = []
    while until_us is None or plan.slot(number).start_us < until_us:
        slot = plan.slot(number)
        pending += [
            record
            for record in _of_slot(plan, slot, members, story)
            if record.event_us >= since_us and (until_us is None or record.event_us < until_us)
        ]
        pending.sort(key=_event_us)
        due = bisect_left(pending, slot.start_us + slot.hours * HOUR_US, key=_event_us)
        yield from pending[:due]
        del pending[:due]
        number += 1
    yield from pending


def _of_slot(plan: Timetable, slot: Slot, members: dict[tuple[str, str], Member], story: Story) -> Iterator[Record]:
    stop_us = slot.start_us + slot.hours * HOUR_US
    for change in story.changes(slot.start_us, stop_us):
        yield lifecycle_of(change, plan.tag)
    rng = plan.random("echo", slot.number)
    early = plan.fleet.early_snapshots
    for run in Scene(plan, slot, members, story).runs():
        announced = rng.random() < early or last_snapshot_us(run) >= plan.end_us
        yield from run_snapshots(run, announced)
        yield from feedback_on(run, rng)
        yield from activity_around(run, rng)
