"""What happens to the fleet over time: outages of providers, releases that roll out, changes of state."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from runtally_cli.simulation.fleet import Agent, Release, Workspace
from runtally_cli.simulation.seasons import DAY_US, HOUR_US, span_us
from runtally_cli.simulation.timetable import Timetable

_OUTAGE_PERIOD_US = 14 * DAY_US
_OUTAGE_CHANCE = 0.6
_HEALTHY_AFTER_US = 90_000_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """An outage with its place in time."""

    provider: str
    start_us: int
    end_us: int
    failure_rate: float
    duration_factor: float


@dataclass(frozen=True, slots=True)
class Change:
    """An agent's step from one state to another."""

    at_us: int
    workspace: Workspace
    agent: Agent
    from_state: str
    to_state: str
    reason: str
    actor: str


class Story:
    """The events of a timetable: any instant can be asked, the future too."""

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._providers = sorted(
            {
                model.provider
                for workspace in timetable.fleet.workspaces
                for agent in workspace.agents
                for model, _ in agent.models
            }
        )
        self._told = [self._placed(index) for index in range(len(timetable.fleet.outages))]
        self._by_day: dict[int, list[Trouble]] = {}

    def trouble(self, provider: str, us: int) -> Trouble | None:
        """The outage of the provider at the instant, if there is one."""
        day = us // DAY_US
        if day not in self._by_day:
            self._by_day[day] = list(self.troubles(day * DAY_US, (day + 1) * DAY_US))
        for trouble in self._by_day[day]:
            if trouble.provider == provider and trouble.start_us <= us < trouble.end_us:
                return trouble
        return None

    def troubles(self, since_us: int, until_us: int) -> Iterator[Trouble]:
        """The outages that touch the range: the fleet's own, and one in three weeks by chance."""
        for trouble in self._told:
            if trouble.start_us < until_us and trouble.end_us > since_us:
                yield trouble
        for period in range(since_us // _OUTAGE_PERIOD_US - 1, until_us // _OUTAGE_PERIOD_US + 1):
            found = self._by_chance(period)
            if found and found.start_us < until_us and found.end_us > since_us:
                yield found

    def release(self, agent: Agent, us: int, rng: Random) -> tuple[Release, str]:
        """The release that a run beginning at the instant uses, and its full version."""
        for release in reversed(agent.releases[1:]):
            age = us - self._at(release.before_end)
            if age >= 0 and (age >= (ramp := span_us(release.ramp)) or rng.random() < 0.1 + 0.9 * age / ramp):
                return release, _patched(agent, release, age)
        first = agent.releases[0]
        return first, _patched(agent, first, us - self._at(first.before_end))

    def changes(self, since_us: int, until_us: int) -> list[Change]:
        """The agents' changes of state in the range, in order of time."""
        found = [
            change
            for workspace in self._timetable.fleet.workspaces
            for agent in workspace.agents
            for change in self._changes_of(workspace, agent, until_us)
            if since_us <= change.at_us < until_us
        ]
        return sorted(found, key=lambda change: (change.at_us, change.agent.agent_id, change.to_state))

    def _paused(self, agent: Agent, us: int) -> bool:
        margin = 2 * _HEALTHY_AFTER_US
        return any(
            -margin <= us - self._at(pause.before_end) <= span_us(pause.lasts) + margin for pause in agent.pauses
        )

    def _at(self, before_end: timedelta) -> int:
        return self._timetable.end_us - span_us(before_end)

    def _placed(self, index: int) -> Trouble:
        plan, outage = self._timetable, self._timetable.fleet.outages[index]
        day = plan.end_us // DAY_US - outage.days_before_end
        weekday = (day + 3) % 7
        start = (day - max(0, weekday - 4)) * DAY_US + outage.hour_utc * HOUR_US
        if start < plan.start_us:  # a range shorter than the story still holds its outage
            start = plan.end_us - (plan.end_us - plan.start_us) * 6 // 10
        end = start + span_us(outage.lasts)
        return Trouble(outage.provider, start, end, outage.failure_rate, outage.duration_factor)

    def _by_chance(self, period: int) -> Trouble | None:
        rng = self._timetable.random("outage", period)
        start = period * _OUTAGE_PERIOD_US + int(rng.random() * (_OUTAGE_PERIOD_US - DAY_US))
        near = any(abs(start - trouble.start_us) < 4 * DAY_US for trouble in self._told)
        if near or rng.random() > _OUTAGE_CHANCE:
            return None
        end = start + int((0.7 + 2.5 * rng.random()) * HOUR_US)
        return Trouble(rng.choice(self._providers), start, end, 0.3 + 0.4 * rng.random(), 1.2 + rng.random())

    def _changes_of(self, workspace: Workspace, agent: Agent, until_us: int) -> Iterator[Change]:
        born = self._timetable.start_us
        if agent.demand.joined_before_end is not None:
            born = max(born, self._at(agent.demand.joined_before_end))
        first = agent.releases[0].version
        yield Change(born, workspace, agent, "", "deployed", f"first deployment of {first}", "ci")
        yield Change(born + 1000, workspace, agent, "deployed", "active", "health checks passed", "ci")
        for pause in agent.pauses:
            at = self._at(pause.before_end)
            if at > born:
                yield Change(at, workspace, agent, "active", "paused", pause.reason, "operator")
                yield Change(at + span_us(pause.lasts), workspace, agent, "paused", "active", "resumed", "operator")
        yield from self._deployments(workspace, agent, born, until_us)

    def _deployments(self, workspace: Workspace, agent: Agent, born: int, until_us: int) -> Iterator[Change]:
        starts = [self._at(release.before_end) for release in agent.releases]
        step = _patch_step_us(agent)
        for index, release in enumerate(agent.releases):
            stop = starts[index + 1] if index + 1 < len(starts) else until_us
            # Patches that came before the agent's first day belong to nobody's history.
            skipped = max(0, -((starts[index] - born) // step)) if starts[index] <= born else 0
            for at in range(starts[index] + skipped * step, stop, step):
                reason = f"deployed {_patched(agent, release, at - starts[index])}"
                if at > born + 1000 and not self._paused(agent, at):
                    yield Change(at, workspace, agent, "active", "deployed", reason, "ci")
                    yield Change(
                        at + _HEALTHY_AFTER_US,
                        workspace,
                        agent,
                        "deployed",
                        "active",
                        "health checks passed",
                        "ci",
                    )


def _patch_step_us(agent: Agent) -> int:
    """A tenth more or less for each agent, or all would be patched at the same moment."""
    return span_us(agent.patched_every) * (90 + sum(map(ord, agent.agent_id)) % 21) // 100


def _patched(agent: Agent, release: Release, age_us: int) -> str:
    return f"{release.version}.{max(0, age_us // _patch_step_us(agent))}"


def weighted_index(cumulated: list[float], rng: Random) -> int:
    """An index drawn by accumulated weights."""
    return min(bisect(cumulated, rng.random() * cumulated[-1]), len(cumulated) - 1)
