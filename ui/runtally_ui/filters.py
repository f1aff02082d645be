"""Which runs the reader asked for: the dimensions of the filter bar, named as the API's parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from runtally_ui.periods import DEFAULT_TIMEZONE, Params, Period

STATUSES = ("succeeded", "failed", "timed_out", "cancelled", "running", "queued", "unknown")
FAILURES = frozenset({"failed", "timed_out"})

AGENT_LIMIT = 1000
"""The most an answer lists: filter options and the table must not end at the hundredth agent."""

DIMENSIONS: Mapping[str, str] = {
    "workspace_id": "workspace",
    "agent_id": "agent",
    "model": "model",
    "status": "status",
    "environment": "environment",
    "user_id": "user",
}
"""The filters' names, in the address bar and for the API, with the word for each."""


@dataclass(frozen=True)
class Filters:
    """The values chosen for each dimension; an empty one lets everything through."""

    workspace_id: tuple[str, ...] = ()
    agent_id: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    user_id: tuple[str, ...] = ()
    root_only: bool = False

    def values(self, dimension: str) -> tuple[str, ...]:
        chosen: tuple[str, ...] = getattr(self, dimension)
        return chosen

    def active(self) -> tuple[str, ...]:
        """What leaves runs out, in the order of the filter bar."""
        chosen = tuple(dimension for dimension in DIMENSIONS if self.values(dimension))
        return (*chosen, "root_only") if self.root_only else chosen

    def without(self, dimension: str) -> "Filters":
        changes: dict[str, Any] = {dimension: False if dimension == "root_only" else ()}
        return replace(self, **changes)

    def params(self) -> Params:
        chosen = tuple((dimension, value) for dimension in DIMENSIONS for value in self.values(dimension))
        return (*chosen, ("root_only", "true")) if self.root_only else chosen

    @property
    def hides_failures(self) -> bool:
        """Whether the status filter leaves failed or timed-out runs out."""
        return bool(self.status) and not set(self.status) >= FAILURES


def filter_word(dimension: str) -> str:
    """What a filter is called."""
    return "sub-runs" if dimension == "root_only" else DIMENSIONS[dimension]


def analytics_params(period: Period, filters: Filters, agent_limit: int = AGENT_LIMIT) -> Params:
    """The query of one analytics call."""
    return (*period.params(), *filters.params(), ("agent_limit", str(agent_limit)))


def shared_link(period: Period, filters: Filters) -> Params:
    """The address that shows these very days whenever it is opened."""
    start, end = period.bounds()
    zone = () if period.timezone == DEFAULT_TIMEZONE else (("timezone", period.timezone),)
    return (("range", "Custom"), ("from", start), ("to", end), *zone, *filters.params())
