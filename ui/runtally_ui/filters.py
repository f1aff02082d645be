"""What the reader asked for: from the address bar to the API's query, without a widget in sight."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from runtally_ui.api_client import Params

PRESET_DAYS = {"7d": 7, "30d": 30, "90d": 90}
CUSTOM = "Custom"
RANGES = (*PRESET_DAYS, CUSTOM)
DEFAULT_RANGE = "30d"
DEFAULT_TIMEZONE = "UTC"
STATUSES = ("succeeded", "failed", "timed_out", "cancelled", "running", "queued", "unknown")

AGENT_LIMIT = 1000
"""The most an answer lists: filter options and the table must not end at the hundredth agent."""

DIMENSIONS = ("workspace", "agent", "model", "status")
"""The filters' names in the address bar; the API's parameters follow below."""

_PARAMETERS = {"workspace": "workspace_id", "agent": "agent_id", "model": "model", "status": "status"}


@dataclass(frozen=True)
class Days:
    """Whole days of one time zone, both ends included."""

    first: date
    last: date
    timezone: str

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def before(self) -> "Days":
        """As many days, ending the day before these begin."""
        length = timedelta(days=len(self))
        return replace(self, first=self.first - length, last=self.last - length)

    def params(self) -> Params:
        return (
            ("from", self.first.isoformat()),
            ("to", self.last.isoformat()),
            ("timezone", self.timezone),
        )


@dataclass(frozen=True)
class Filters:
    """The values chosen for each dimension; an empty one lets everything through."""

    workspace: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    status: tuple[str, ...] = ()

    def values(self, dimension: str) -> tuple[str, ...]:
        chosen: tuple[str, ...] = getattr(self, dimension)
        return chosen

    def active(self) -> tuple[str, ...]:
        """The dimensions that leave runs out, in the order of the filter bar."""
        return tuple(dimension for dimension in DIMENSIONS if self.values(dimension))

    def without(self, dimension: str) -> "Filters":
        return Filters(**{name: self.values(name) for name in DIMENSIONS if name != dimension})

    def params(self) -> Params:
        return tuple((_PARAMETERS[dimension], value) for dimension in DIMENSIONS for value in self.values(dimension))


def local_today(now: datetime, timezone: str) -> date:
    """The day it is in `timezone` at the instant `now`."""
    return now.astimezone(ZoneInfo(timezone)).date()


def newest_days(last: date, length: int, timezone: str) -> Days:
    """The `length` days that end with `last`."""
    return Days(last - timedelta(days=length - 1), last, timezone)


def resolve_days(chosen: str | None, dates: Sequence[date], timezone: str, today: date) -> Days:
    """The days a range means today. A custom range of which only one end is picked is that day;
    one of which nothing is picked is the default.
    """
    if chosen == CUSTOM and dates:
        return Days(min(dates), max(dates), timezone)
    length = PRESET_DAYS.get(chosen or "", PRESET_DAYS[DEFAULT_RANGE])
    return newest_days(today, length, timezone)


def analytics_params(days: Days, filters: Filters, agent_limit: int = AGENT_LIMIT) -> Params:
    """The query of one analytics call."""
    return (*days.params(), *filters.params(), ("agent_limit", str(agent_limit)))


def shared_link(days: Days, filters: Filters) -> tuple[tuple[str, str], ...]:
    """The address that shows these very days whenever it is opened."""
    dimensions = tuple((name, value) for name in DIMENSIONS for value in filters.values(name))
    zone = () if days.timezone == DEFAULT_TIMEZONE else (("tz", days.timezone),)
    dates = (("dates", days.first.isoformat()), ("dates", days.last.isoformat()))
    return (("range", CUSTOM), *dates, *zone, *dimensions)
