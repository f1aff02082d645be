"""Sessions: a person or a system that starts runs, the sub-runs these start, and what follows a hand-off."""

import math

from runtally_cli.simulation.fleet import Agent, Workspace
from runtally_cli.simulation.people import user_of
from runtally_cli.simulation.run import Member, Origin, Run, draw_run
from runtally_cli.simulation.seasons import HOUR_US
from runtally_cli.simulation.story import Story
from runtally_cli.simulation.timetable import Slot, Timetable

# Triggers that stand for a person at a keyboard; the others are systems without a user or a session.
_PERSONAL = frozenset({"chat", "ticket", "pull_request", "email"})
_NO_LIMIT_MS = 6 * 3_600_000
_ITERATION_WINDOW_US = 4 * HOUR_US
_LAST_TURN_AFTER_US = 4 * HOUR_US
_MAX_TURNS = 8
_MAX_DEPTH = 3


class Scene:
    """Draws the runs of one slot. Everything comes from the slot's own random numbers."""

    def __init__(self, timetable: Timetable, slot: Slot, members: dict[tuple[str, str], Member], story: Story) -> None:
        self._timetable, self._slot, self._members, self._story = timetable, slot, members, story
        self._rng = timetable.random("slot", slot.number)
        self._drawn = 0
        self._beyond = 0

    def runs(self) -> list[Run]:
        """The slot's runs. Those that begin after the end of the past come on top of the slot's number."""
        runs: list[Run] = []
        counted = 0
        while counted < self._slot.runs:
            for run in self._session(*self._timetable.draw_start(self._slot, self._rng)):
                if self._counts(run.started_us):
                    if counted == self._slot.runs:
                        continue
                    counted += 1
                runs.append(run)
        return runs

    def _counts(self, started_us: int) -> bool:
        return started_us < self._timetable.end_us or self._slot.number >= self._timetable.past_slots

    def _session(self, at_us: int, workspace: Workspace, agent: Agent) -> list[Run]:
        rng, demand = self._rng, agent.demand
        member = self._members[workspace.workspace_id, agent.agent_id]
        trigger = demand.triggers[int(rng.random() ** 1.5 * len(demand.triggers))]
        environment = "staging" if rng.random() < demand.staging_share else "prod"
        user = user_of(workspace, rng) if trigger in _PERSONAL else ""
        session = f"s-{rng.getrandbits(48):012x}" if trigger == "chat" else ""
        turns = 1
        while session and turns < _MAX_TURNS and rng.random() < 1 - 1 / demand.turns:
            turns += 1
        runs: list[Run] = []
        latest_us = at_us + _LAST_TURN_AFTER_US
        for _ in range(turns):
            if at_us > latest_us:
                break
            turn = self._turn(member, Origin(environment, trigger, user, session), at_us)
            runs += turn
            at_us = turn[0].finished_us + self._pause_us(40_000, 0.9)
        return runs

    def _turn(self, member: Member, origin: Origin, at_us: int) -> list[Run]:
        rng, handover = self._rng, member.agent.handover
        origin.trace_id = f"{rng.getrandbits(128):032x}" if member.agent.reporting.traced else ""
        runs = self._with_sub_runs(member, origin, at_us, _NO_LIMIT_MS, 0)
        root = runs[0]
        if root.status in ("failed", "timed_out") and rng.random() < member.agent.reliability.retried:
            runs += self._again(root, "retry", root.finished_us + self._pause_us(8_000, 0.7))
        elif root.hand_off_us is not None and not root.lost and rng.random() < handover.iterated:
            at = root.hand_off_us
            for _ in range(1 if rng.random() < 0.7 else 2):
                at += self._pause_us(1_500_000, 1.0)
                if at < root.hand_off_us + _ITERATION_WINDOW_US:
                    runs += self._again(root, "iteration", at)
        return runs

    def _again(self, before: Run, trigger: str, at_us: int) -> list[Run]:
        origin = before.origin
        told = Origin(origin.environment, trigger, origin.user_id, origin.session_id, origin.trace_id)
        told.tag = f'"{trigger}_of":"{before.run_id}"'
        return self._with_sub_runs(before.member, told, at_us, _NO_LIMIT_MS, 1)

    def _with_sub_runs(self, member: Member, origin: Origin, at_us: int, longest_ms: int, depth: int) -> list[Run]:
        rng, handover = self._rng, member.agent.handover
        run = draw_run(member, self._run_id(member, at_us), origin, at_us, longest_ms, self._story, rng)
        if run.status == "succeeded" and not origin.parent_run_id and rng.random() < handover.handed_off:
            run.hand_off_us = run.finished_us + (0 if rng.random() < 0.6 else self._pause_us(120_000, 0.8))
        runs = [run]
        if run.duration_ms < 100 or depth >= _MAX_DEPTH:
            return runs
        for agent_id, mean in handover.delegates:
            delegate = self._members[member.workspace.workspace_id, agent_id]
            for _ in range(int(mean * 2 * rng.random() + 0.5)):
                after_ms = (run.queue_ms or 0) + int(run.duration_ms * 0.7 * rng.random())
                remaining_ms = run.duration_ms + (run.queue_ms or 0) - after_ms
                told = Origin(
                    origin.environment,
                    "agent",
                    origin.user_id,
                    origin.session_id,
                    origin.trace_id,
                    run.run_id,
                )
                start = at_us + after_ms * 1000
                runs += self._with_sub_runs(delegate, told, start, remaining_ms, depth + 1)
        return runs

    def _run_id(self, member: Member, at_us: int) -> str:
        """A UUIDv7 of the start, or for some agents a readable id; both are unique to the timetable."""
        self._drawn += 1
        if not member.agent.reporting.given_ids:
            bits = self._rng.getrandbits(74)
            stamp, tail = f"{at_us // 1000:012x}", f"{2 << 62 | bits & 0x3FFFFFFFFFFFFFFF:016x}"
            return f"{stamp[:8]}-{stamp[8:]}-7{bits >> 62:03x}-{tail[:4]}-{tail[4:]}"
        number = f"{self._slot.number:03x}-{self._drawn:04d}"
        return f"{member.agent.agent_id}-{self._timetable.tag}-{number}"

    def _pause_us(self, median_ms: int, sigma: float) -> int:
        return int(median_ms * math.exp(sigma * self._rng.gauss(0, 1))) * 1000
