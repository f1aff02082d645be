"""How much work arrives at an hour: time of day, weekday, season, growth, newcomers and pauses."""

import math
from datetime import UTC, datetime, timedelta

from runtally_cli.simulation.fleet import Agent, Rhythm, Workspace

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
YEAR_US = 365 * DAY_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_HOURS = {
    Rhythm.OFFICE: (1, 1, 1, 1, 1, 2, 5, 14, 38, 62, 70, 66, 44, 52, 68, 66, 58, 42, 22, 12, 8, 5, 3, 2),
    Rhythm.CUSTOMERS: (
        9,
        6,
        4,
        3,
        3,
        5,
        10,
        19,
        30,
        40,
        46,
        48,
        50,
        48,
        46,
        46,
        48,
        50,
        52,
        54,
        50,
        40,
        26,
        15,
    ),
    Rhythm.MACHINES: (
        22,
        22,
        22,
        22,
        22,
        22,
        24,
        28,
        34,
        38,
        40,
        38,
        34,
        36,
        40,
        40,
        38,
        34,
        30,
        26,
        24,
        22,
        22,
        22,
    ),
    Rhythm.NIGHTLY: (60, 150, 180, 120, 50, 20, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 6, 10, 30),
}
_WEEKDAYS = {
    Rhythm.OFFICE: (1.0, 1.08, 1.1, 1.05, 0.86, 0.14, 0.12),
    Rhythm.CUSTOMERS: (1.1, 1.02, 1.0, 1.0, 1.03, 0.72, 0.66),
    Rhythm.MACHINES: (1.0, 1.0, 1.0, 1.0, 1.0, 0.78, 0.74),
    Rhythm.NIGHTLY: (1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.6),
}
# Every rhythm brings as much work in a week; only its hours differ.
_HOUR_MEAN = {rhythm: sum(hours) / 24 for rhythm, hours in _HOURS.items()}


def to_us(instant: datetime) -> int:
    """Unix microseconds."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    """The instant of Unix microseconds, in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def span_us(span: timedelta) -> int:
    """A stretch of time in microseconds."""
    return span // timedelta(microseconds=1)


def demand_at(workspace: Workspace, agent: Agent, hour_us: int, end_us: int) -> float:
    """The weight of the hour that begins at `hour_us`; the story is told from `end_us`."""
    before_end = end_us - hour_us
    joined = agent.demand.joined_before_end
    if joined is not None and before_end > span_us(joined):
        return 0.0
    for pause in agent.pauses:
        if span_us(pause.before_end - pause.lasts) < before_end <= span_us(pause.before_end):
            return 0.0
    local_us = hour_us + workspace.utc_offset_hours * HOUR_US
    day, within = divmod(local_us, DAY_US)
    rhythm = agent.demand.rhythm
    shape = _HOURS[rhythm][within // HOUR_US] / _HOUR_MEAN[rhythm] * _WEEKDAYS[rhythm][(day + 3) % 7]
    growth = math.exp(-math.log1p(agent.demand.growth_per_year) * before_end / YEAR_US)
    return agent.demand.share * shape * growth * _season(rhythm, day) * _mood(agent, day)


def _season(rhythm: Rhythm, day: int) -> float:
    """The year: a calm summer and still days around the New Year, for those who follow people."""
    if rhythm in (Rhythm.MACHINES, Rhythm.NIGHTLY):
        return 1.0
    date = _EPOCH + timedelta(days=day)
    if (date.month == 12 and date.day >= 24) or (date.month == 1 and date.day <= 2):
        return 0.35
    return 1 + 0.09 * math.cos(2 * math.pi * (date.timetuple().tm_yday - 20) / 365)


def _mood(agent: Agent, day: int) -> float:
    """No two days are alike: a tenth up or down, the same whenever it is asked."""
    noise = (day * 2_654_435_761 + sum(map(ord, agent.agent_id)) * 40_503) % 4096
    return 0.9 + 0.2 * noise / 4095
