"""From an answer to the frames the charts draw: one row per mark, texts of the tooltip included."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate
from math import sqrt
from zoneinfo import ZoneInfo

import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import Agent, Analytics, DailyRuns
from runtally_ui.colours import OTHER, SLOTS, AgentKey
from runtally_ui.periods import Period
from runtally_ui.trend_data import Step, rolling_mean, two_sigma

SHOWN_AGENTS = 10
_Z95 = 1.959964


@dataclass(frozen=True)
class Palette:
    """Names and colour slots of the agents."""

    names: Mapping[AgentKey, str]
    slots: Mapping[AgentKey, int]

    def name(self, workspace_id: str | None, agent_id: str | None) -> str:
        if workspace_id is None or agent_id is None:
            return OTHER
        return self.names.get((workspace_id, agent_id), agent_id)

    def series(self, workspace_id: str | None, agent_id: str | None) -> str:
        """The legend entry: the agent's name when it has a colour of its own."""
        key = (workspace_id or "", agent_id or "")
        return self.name(workspace_id, agent_id) if key in self.slots else OTHER

    def slot(self, workspace_id: str | None, agent_id: str | None) -> int:
        return self.slots.get((workspace_id or "", agent_id or ""), SLOTS)


def begun_within(answer: Analytics, period: Period) -> date | None:
    """The day of the first run that the filters match, when the period holds only a part of it: no fair comparison."""
    if answer.meta.data_range is None:
        return None
    first = answer.meta.data_range.first.astimezone(ZoneInfo(period.timezone)).date()
    return first if period.first < first <= period.last else None


def daily_cost(rows: Sequence[DailyRuns]) -> dict[date, Decimal | None]:
    """What each day cost; None where no run of the day has a known cost."""
    days: dict[date, Decimal | None] = {}
    for row in sorted(rows, key=lambda row: row.date):
        known = days.setdefault(row.date, None)
        if row.cost_usd is not None:
            days[row.date] = row.cost_usd + (known or Decimal(0))
    return days


def known_sum(costs: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of what is known; None where nothing is."""
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if known else None


def cumulative_cost_frame(
    current: Sequence[DailyRuns], previous: Sequence[Decimal | None], today: date
) -> pd.DataFrame:
    """One row per day: the cost so far, and the cost so far of the period before on the same day of it (`previous` is
    what each of its days cost); `rolling`, the mean of the cost so far over seven days; `outlier`, the cost so far
    where the day's own lies beyond two sigma.
    """
    before = _running_sum(previous)
    marks = []
    costs = daily_cost(current)
    so_far = dict(zip(costs, _running_sum([*costs.values()]), strict=True))
    means, beyond = _judged_days(current, costs, so_far, today)
    for position, (day, total) in enumerate(so_far.items()):
        earlier = before[position] if position < len(before) else None
        marks.append(
            {
                **_day_columns(day, today),
                "total": float(total),
                "previous": None if earlier is None else float(earlier),
                "rolling": means[position],
                "outlier": float(total) if beyond[position] else None,
                "Cost so far": formats.full_money(total),
                "Cost of the day": formats.full_money(costs[day]),
                "Period before": formats.full_money(earlier) if earlier is not None else "no earlier data",
            }
        )
    numbers = ["total", "previous", "rolling", "outlier"]
    columns = ["key", "middle", "done", "Day", *numbers, "Cost so far", "Cost of the day", "Period before"]
    frame = pd.DataFrame(marks, columns=columns)
    frame[numbers] = frame[numbers].astype(float)
    return frame


def _judged_days(
    rows: Sequence[DailyRuns], costs: Mapping[date, Decimal | None], so_far: Mapping[date, Decimal], today: date
) -> tuple[list[float | None], list[bool]]:
    """For each day of `costs`: the mean of the cost so far over seven days, and whether its own cost is unusual."""
    runs = dict.fromkeys(costs, 0)
    for row in rows:
        runs[row.date] += row.runs
    midnights = [datetime.combine(day, time()) for day in costs]
    times = [Step(start, start + timedelta(days=1), start.date() < today, "") for start in midnights]
    done = [step.done for step in times]
    values = [None if cost is None else float(cost) for cost in costs.values()]
    band = two_sigma(values, [float(count) for count in runs.values()], done, is_share=False)
    return rolling_mean([float(total) for total in so_far.values()], done, times), [beyond for *_, beyond in band]


def response_time_frame(agents: Sequence[Agent], palette: Palette) -> pd.DataFrame:
    """The slowest agents first; agents of which no duration is known are left out."""
    timed = [agent for agent in agents if agent.avg_duration_ms is not None and not agent.other]
    timed.sort(key=lambda agent: agent.avg_duration_ms or 0, reverse=True)
    slowest = max((agent.avg_duration_ms or 0 for agent in timed), default=0) / 1000
    marks = [
        {
            "rank": rank,
            "agent": palette.name(agent.workspace_id, agent.agent_id),
            "agent_id": agent.agent_id,
            "seconds": (agent.avg_duration_ms or 0) / 1000,
            "reach": slowest * 1.18 or 1,
            "label": formats.duration(agent.avg_duration_ms),
            "Workspace": agent.workspace_id,
            "Average": formats.full_duration(agent.avg_duration_ms),
            "Timed runs": f"{agent.coverage.duration:,} of {agent.runs:,}",
        }
        for rank, agent in enumerate(timed[:SHOWN_AGENTS])
    ]
    columns = ["rank", "agent", "agent_id", "seconds", "reach", "label", "Workspace", "Average", "Timed runs"]
    return pd.DataFrame(marks, columns=columns)


OUTCOMES = ("● Succeeded", "▲ Failed", "■ Cancelled")
"""A shape and a word with each colour: green and red alone are one colour to many readers."""


def most_failing(agents: Sequence[Agent]) -> list[Agent]:
    """Agents with runs that ended, the highest failure share first, then the most runs."""
    ended = [agent for agent in agents if agent.status_counts.ended and not agent.other]
    return sorted(
        ended,
        key=lambda agent: (
            -agent.status_counts.errors / agent.status_counts.ended,
            -agent.status_counts.ended,
        ),
    )


def outcomes_frame(agents: Sequence[Agent], palette: Palette) -> pd.DataFrame:
    """One row per agent and outcome, for bars stacked from zero."""
    shown = most_failing(agents)[:SHOWN_AGENTS]
    most = max((agent.status_counts.ended for agent in shown), default=0)
    marks = []
    for rank, agent in enumerate(shown):
        counts = agent.status_counts
        for order, (outcome, runs) in enumerate(
            zip(OUTCOMES, (counts.succeeded, counts.errors, counts.cancelled), strict=True)
        ):
            marks.append(
                {
                    "rank": rank,
                    "agent": palette.name(agent.workspace_id, agent.agent_id),
                    "agent_id": agent.agent_id,
                    "outcome": outcome,
                    "order": order,
                    "runs": runs,
                    "ended": counts.ended,
                    "reach": most * 1.16,
                    "label": formats.count(counts.ended),
                    "Workspace": agent.workspace_id,
                    "Runs": formats.share_of(runs, counts.ended),
                    "Failed": formats.full_count(counts.failed),
                    "Timed out": formats.full_count(counts.timed_out),
                }
            )
    columns = ["rank", "agent", "agent_id", "outcome", "order", "runs", "ended", "reach", "label"]
    return pd.DataFrame(marks, columns=[*columns, "Workspace", "Runs", "Failed", "Timed out"])


def failure_share_frame(agents: Sequence[Agent], palette: Palette) -> pd.DataFrame:
    """Failure share per agent with its 95% interval, in the order of `outcomes_frame`."""
    shown = most_failing(agents)[:SHOWN_AGENTS]
    bounds = [wilson_interval(agent.status_counts.errors, agent.status_counts.ended) for agent in shown]
    widest = max((high for _, high in bounds), default=1.0)
    marks = [
        {
            "rank": rank,
            "agent": palette.name(agent.workspace_id, agent.agent_id),
            "agent_id": agent.agent_id,
            "share": agent.status_counts.errors / agent.status_counts.ended,
            "low": low,
            "high": high,
            "reach": widest * 1.3,
            "label": formats.share_of(agent.status_counts.errors, agent.status_counts.ended),
            "Workspace": agent.workspace_id,
            "Failure share": formats.share_of(agent.status_counts.errors, agent.status_counts.ended),
            "95% interval": f"{formats.share(low)} – {formats.share(high)}",
        }
        for rank, (agent, (low, high)) in enumerate(zip(shown, bounds, strict=True))
    ]
    columns = ["rank", "agent", "agent_id", "share", "low", "high", "reach", "label", "Workspace"]
    return pd.DataFrame(marks, columns=[*columns, "Failure share", "95% interval"])


def wilson_interval(part: int, whole: int) -> tuple[float, float]:
    """Where the true share lies with 95% confidence; wide when `whole` is small, never outside 0..1."""
    share = part / whole
    spread = _Z95**2 / whole
    centre = (share + spread / 2) / (1 + spread)
    half = _Z95 * sqrt(share * (1 - share) / whole + spread / (4 * whole)) / (1 + spread)
    return max(0.0, centre - half) if part else 0.0, min(1.0, centre + half) if part < whole else 1.0


def _running_sum(costs: Sequence[Decimal | None]) -> list[Decimal]:
    return list(accumulate(cost or Decimal(0) for cost in costs))


def _day_columns(day: date, today: date) -> dict[str, object]:
    """Wall-clock times without a zone: the browser must not move the days into its own."""
    midnight = datetime.combine(day, time())
    running = day >= today
    return {
        "key": midnight.isoformat(),
        "middle": midnight + timedelta(hours=12),
        "done": 0 if running else 1,
        "Day": f"{formats.day(day)}, in progress" if running else formats.day(day),
    }
