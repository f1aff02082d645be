"""One simulated run as its producer would know it, drawn from its agent's habits."""

import json
import math
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from runtally_cli.simulation.fleet import Agent, FailureMode, Model, Workspace, nano_price
from runtally_cli.simulation.story import Story, Trouble, weighted_index

_OUTAGE = FailureMode("ProviderUnavailable", "infrastructure", "503: the provider is overloaded", "critical")
_OVERLOAD = FailureMode("RateLimitError", "rate_limit", "429: too many requests, retry after 60 s", "warning")
_TIMEOUT = FailureMode("RunTimeout", "timeout", "no result within the time limit")
_RECOVERABLE = FailureMode(
    "TransientModelError", "model_error", "stream ended early, answered at the second attempt", "warning"
)


class Member:
    """An agent made ready for drawing: accumulated weights, logarithms, and the JSON that never changes."""

    def __init__(self, workspace: Workspace, agent: Agent) -> None:
        self.workspace, self.agent = workspace, agent
        self.models = [PricedModel(model) for model, _ in agent.models]
        self.model_weights = list(accumulate(weight for _, weight in agent.models))
        self.mode_weights = list(accumulate(mode.weight for mode in agent.reliability.modes))
        effort = agent.effort
        self.log_duration_ms = math.log(effort.median_s * 1000)
        self.log_queue_ms = math.log(effort.queue_median_ms) if effort.queue_median_ms else None
        self.log_input, self.log_output = math.log(effort.input_tokens), math.log(effort.output_tokens)
        label = f',"agent_name":{json.dumps(agent.name, ensure_ascii=False)}' if agent.reporting.label else ""
        self.head = f'"workspace_id":"{workspace.workspace_id}","agent_id":"{agent.agent_id}"{label},"status":"'
        self.tags = ",".join(f'"{name}":"{text}"' for name, text in agent.tags)


class PricedModel:
    """A model with its prices in nanodollars a token, and its JSON."""

    def __init__(self, model: Model) -> None:
        self.provider, self.name = model.provider, model.name
        self.priced = model.input_price is not None
        self.input = nano_price(model.input_price) if model.input_price is not None else 0
        self.output, self.read = nano_price(model.output_price), nano_price(model.cache_read_price)
        self.write = nano_price(model.cache_write_price)
        self.json = f',"provider":"{model.provider}","model":"{model.name}","agent_version":"'

    def cost_nano(self, usage: "Usage") -> int:
        """The exact cost: cached tokens are part of the input, and have their own prices."""
        fresh = usage.input - usage.cache_read - usage.cache_write
        return (
            fresh * self.input
            + usage.cache_read * self.read
            + usage.cache_write * self.write
            + usage.output * self.output
        )


@dataclass(slots=True)
class Usage:
    """The tokens of a run, its sub-runs' not among them."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    reasoning: int


@dataclass(slots=True)
class Origin:
    """Who started a run, and in which connection."""

    environment: str
    trigger: str
    user_id: str = ""
    session_id: str = ""
    trace_id: str = ""
    parent_run_id: str = ""
    tag: str = ""  # JSON of a tag that names the run before this one


@dataclass(slots=True)
class Run:
    """A run from its start to its end; what of it is published when is decided in `snapshots`."""

    member: Member
    run_id: str
    origin: Origin
    started_us: int
    queue_ms: int | None
    duration_ms: int
    status: str
    version: str
    model: PricedModel
    usage: Usage
    failure: FailureMode | None = None
    recovery_ms: int | None = None
    tokens_known: bool = True
    duration_known: bool = True
    lost: bool = False
    report_us: int = 0
    retries: int = 0
    llm_calls: int = 0
    tool_calls: int = 0
    files_modified: int = 0
    hand_off_us: int | None = None

    @property
    def finished_us(self) -> int:
        return self.started_us + ((self.queue_ms or 0) + self.duration_ms) * 1000


def draw_run(
    member: Member, run_id: str, origin: Origin, at_us: int, longest_ms: int, story: Story, rng: Random
) -> Run:
    """A run that begins at `at_us` and takes at most `longest_ms`, its parent's remaining time."""
    agent, random = member.agent, rng.random
    model = member.models[weighted_index(member.model_weights, rng) if len(member.models) > 1 else 0]
    release, version = story.release(agent, at_us, rng)
    trouble = story.trouble(model.provider, at_us)
    factor = release.duration_factor * (trouble.duration_factor if trouble else 1.0)
    natural_ms = max(5, int(math.exp(member.log_duration_ms + agent.effort.sigma * rng.gauss(0, 1)) * factor))
    status, failure, share = _outcome(member, natural_ms, release.failure_factor, trouble, rng)
    queue_ms = None
    if member.log_queue_ms is not None:
        queue_ms = min(int(math.exp(member.log_queue_ms + 0.8 * rng.gauss(0, 1))), longest_ms // 2)
    worked_ms = int(min(natural_ms, agent.effort.limit_s * 1000) * share)
    duration_ms = max(1, min(worked_ms, longest_ms - (queue_ms or 0)))
    usage = _usage(member, share, rng)
    run = Run(member, run_id, origin, at_us, queue_ms, duration_ms, status, version, model, usage, failure)
    run.tokens_known = agent.reporting.tokens_known >= 1 or random() < agent.reporting.tokens_known
    run.duration_known = (
        queue_ms is not None or agent.reporting.duration_known >= 1 or (random() < agent.reporting.duration_known)
    )
    run.lost = random() < agent.reliability.lost
    run.report_us = 700 + int(random() * 60_000)
    _count_calls(run, share, trouble, rng)
    if status == "succeeded" and random() < agent.reliability.recovered:
        run.failure, run.recovery_ms, run.retries = (
            _RECOVERABLE,
            int(duration_ms * random() * 0.4),
            run.retries + 1,
        )
    return run


def _outcome(
    member: Member, natural_ms: int, factor: float, trouble: Trouble | None, rng: Random
) -> tuple[str, FailureMode | None, float]:
    """How the run ends, why, and which share of its work it did."""
    luck, habits = rng.random(), member.agent.reliability
    if trouble is not None:
        if luck < trouble.failure_rate:
            return "failed", _OUTAGE if rng.random() < 0.7 else _OVERLOAD, 0.05 + 0.3 * rng.random()
        luck = (luck - trouble.failure_rate) / (1 - trouble.failure_rate)
    if luck < (failed := habits.failed * factor):
        mode = habits.modes[weighted_index(member.mode_weights, rng)]
        return "failed", mode, 0.1 + 0.9 * rng.random()
    if natural_ms > member.agent.effort.limit_s * 1000:
        return "timed_out", _TIMEOUT, 1.0
    if luck < (cancelled := failed + habits.cancelled):
        return "cancelled", None, rng.random()
    if luck < cancelled + habits.unknown:
        return "unknown", None, 1.0
    return "succeeded", None, 1.0


def _usage(member: Member, share: float, rng: Random) -> Usage:
    effort, random = member.agent.effort, rng.random
    asked = int(math.exp(member.log_input + effort.token_sigma * rng.gauss(0, 1)) * (0.2 + 0.8 * share)) + 1
    said = int(math.exp(member.log_output + effort.token_sigma * rng.gauss(0, 1)) * share)
    read = int(asked * effort.cache_read_share * (0.55 + 0.45 * random())) if effort.cache_read_share else 0
    write = int(asked * effort.cache_write_share * random()) if effort.cache_write_share else 0
    reasoning = int(said * effort.reasoning_share * (0.5 + 0.5 * random())) if effort.reasoning_share else 0
    return Usage(asked, said, read, write, reasoning)


def _count_calls(run: Run, share: float, trouble: Trouble | None, rng: Random) -> None:
    effort, random = run.member.agent.effort, rng.random
    run.llm_calls = 1 + int((effort.llm_calls - 1) * 2 * random() * share)
    run.tool_calls = int((effort.tool_calls * 2 * random() + 0.5) * share) if effort.tool_calls else 0
    if effort.files_modified and run.status == "succeeded":
        run.files_modified = int(effort.files_modified * 2 * random() + 0.5)
    if trouble is not None:
        run.retries = 1 + int(random() * 4)
    elif random() < 0.03:
        run.retries = 1
