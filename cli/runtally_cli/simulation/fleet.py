"""What a simulated fleet is: workspaces, agents, models and the story of their year, as plain values."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum

LONGEST_RUN_S = 3 * 3600  # so that what a session leads to is over within a day (see `stream`)


class Rhythm(Enum):
    """When work arrives."""

    OFFICE = "office"  # people at their desks: working hours, weekdays
    CUSTOMERS = "customers"  # the public: evenings too, weekends quieter
    MACHINES = "machines"  # hooks and queues: flat, a little less at the weekend
    NIGHTLY = "nightly"  # scheduled: a peak after midnight


@dataclass(frozen=True, slots=True)
class Model:
    """A model and what its provider takes for a million tokens; no `input_price` = a price nobody knows.

    Prices are multiples of 0.001 USD a million, so a cost is always exact in nanodollars.
    """

    provider: str
    name: str
    input_price: Decimal | None = None
    output_price: Decimal = Decimal(0)
    cache_read_price: Decimal = Decimal(0)
    cache_write_price: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class FailureMode:
    """One way in which runs of an agent fail, and how often beside the others."""

    error_type: str
    category: str
    message: str
    severity: str = "error"
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Release:
    """A version that takes over an agent's runs within `ramp`, and what it changes."""

    version: str
    before_end: timedelta
    ramp: timedelta = timedelta(0)
    duration_factor: float = 1.0
    failure_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which an agent takes no work."""

    before_end: timedelta
    lasts: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class Outage:
    """Hours of a working day in which a provider refuses many calls and answers the others slowly."""

    provider: str
    days_before_end: int
    hour_utc: int
    lasts: timedelta
    failure_rate: float = 0.55
    duration_factor: float = 1.8


@dataclass(frozen=True, slots=True)
class Demand:
    """How an agent's work arrives. `share` 0: only ever started by other agents."""

    share: float
    rhythm: Rhythm = Rhythm.OFFICE
    triggers: tuple[str, ...] = ("chat",)
    turns: float = 1.0  # runs of a session, on average
    growth_per_year: float = 0.8
    staging_share: float = 0.06
    joined_before_end: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a run takes and what it consumes: medians, with log-normal spread."""

    median_s: float
    limit_s: float
    sigma: float = 0.6
    queue_median_ms: int = 0
    input_tokens: int = 4000
    output_tokens: int = 600
    token_sigma: float = 0.7
    cache_read_share: float = 0.0
    cache_write_share: float = 0.0
    reasoning_share: float = 0.0
    llm_calls: float = 2.0
    tool_calls: float = 0.0
    files_modified: float = 0.0


@dataclass(frozen=True, slots=True)
class Reliability:
    """How runs of an agent end. `lost`: the share whose last snapshot never comes."""

    failed: float = 0.04
    cancelled: float = 0.01
    unknown: float = 0.003
    lost: float = 0.0005
    recovered: float = 0.03
    retried: float = 0.3  # the share of failed runs that are started once more
    modes: tuple[FailureMode, ...] = (FailureMode("Unexpected", "other", "unexpected error"),)


@dataclass(frozen=True, slots=True)
class Reporting:
    """What an agent's producer knows and tells."""

    given_ids: bool = False  # readable ids, else UUIDv7
    cost: str = "reported"  # reported, inferred, or unknown: no cost at all
    price_version: str = ""
    tokens_known: float = 1.0
    duration_known: float = 1.0
    traced: bool = False
    credits_per_usd: int = 0
    label: bool = True


@dataclass(frozen=True, slots=True)
class Handover:
    """What follows a run: sub-runs, a hand-off to a person, and more iterations after it."""

    delegates: tuple[tuple[str, float], ...] = ()  # agent_id of the same workspace, sub-runs on average
    handed_off: float = 0.0
    iterated: float = 0.0
    feedback: float = 0.0
    satisfaction: float = 0.8


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent of the fleet. The first release is what it ran all along."""

    agent_id: str
    name: str
    models: tuple[tuple[Model, float], ...]
    demand: Demand
    effort: Effort
    reliability: Reliability = Reliability()
    reporting: Reporting = Reporting()
    handover: Handover = Handover()
    releases: tuple[Release, ...] = (Release("1.0", timedelta(days=400)),)
    patched_every: timedelta = timedelta(days=11)
    pauses: tuple[Pause, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant: its people, its clock, its agents."""

    workspace_id: str
    utc_offset_hours: int
    users: int
    agents: tuple[Agent, ...]


@dataclass(frozen=True, slots=True)
class Fleet:
    """All that is simulated. `early_snapshots`: the share of runs whose start is published in the past too;
    runs that are open at the end, and runs of the live part, are always announced."""

    workspaces: tuple[Workspace, ...]
    outages: tuple[Outage, ...] = field(default=())
    early_snapshots: float = 0.25

    def __post_init__(self) -> None:
        for workspace in self.workspaces:
            _check_text(workspace.workspace_id)
            known = {agent.agent_id for agent in workspace.agents}
            for agent in workspace.agents:
                _check_agent(agent)
                for delegate, _ in agent.handover.delegates:
                    if delegate not in known:
                        raise InvalidFleet(f"{agent.agent_id} delegates to {delegate}, unknown in its workspace")


class InvalidFleet(ValueError):
    """A fleet that cannot be simulated. `str()` says what is wrong with it."""


def nano_price(price: Decimal) -> int:
    """A price in USD a million tokens as nanodollars a token."""
    return int(price * 1000)


def _check_agent(agent: Agent) -> None:
    if not agent.effort.median_s <= agent.effort.limit_s <= LONGEST_RUN_S:
        raise InvalidFleet(f"{agent.agent_id}: limit_s lies between the median and {LONGEST_RUN_S} s")
    texts = [agent.agent_id, agent.reporting.price_version, *agent.demand.triggers]
    texts += [text for tag in agent.tags for text in tag] + [release.version for release in agent.releases]
    for model, _ in agent.models:
        texts += [model.provider, model.name]
        _check_prices(model)
    for text in texts:
        _check_text(text)


def _check_text(text: str) -> None:
    """These texts go into millions of JSON objects as they are."""
    if json.dumps(text) != f'"{text}"':
        raise InvalidFleet(f"ids, labels and versions are plain ASCII without quotes, got {text!r}")


def _check_prices(model: Model) -> None:
    prices = (
        model.input_price or Decimal(0),
        model.output_price,
        model.cache_read_price,
        model.cache_write_price,
    )
    for price in prices:
        if price < 0 or nano_price(price) != price * 1000:
            raise InvalidFleet(f"{model.name}: prices are multiples of 0.001 USD a million tokens, got {price}")
