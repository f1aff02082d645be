"""The truth that answers are compared with: what a list of records says, in plain Python, one run at a time.

Slow and obvious on purpose. It reads every record with the reference decoder, keeps the newest snapshot of
each run by the contract's order (section 1.2), and adds up.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from uuid import UUID

from runtally.events import ENDED_STATUSES, RunFeedback, RunSnapshot
from runtally.violations import InvalidEvent, decode_event
from runtally_cli.simulation.record import FEEDBACK, RUNS, Record


@dataclass
class Tally:
    """Sums over some runs, and how many of the runs each sum covers."""

    runs: int = 0
    root_runs: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    duration_ms: int = 0
    with_tokens: int = 0
    with_cost: int = 0
    with_duration: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def add(self, run: RunSnapshot) -> None:
        self.runs += 1
        self.root_runs += run.parent_run_id == ""
        self.statuses[run.status] += 1
        self.with_tokens += run.input_tokens is not None or run.output_tokens is not None
        self.input_tokens += run.input_tokens or 0
        self.output_tokens += run.output_tokens or 0
        if run.cost_usd is not None:
            self.cost_usd += run.cost_usd
            self.with_cost += 1
        if run.elapsed_ms is not None:
            self.duration_ms += run.elapsed_ms
            self.with_duration += 1


@dataclass(frozen=True)
class Truth:
    """What must be in the store once all the records are: the newest snapshot of every run, by stored key."""

    runs: dict[UUID, RunSnapshot]
    rejected: int
    ratings: dict[str, int]  # by feedback_id

    def total(self) -> Tally:
        return _tally(self.runs.values())

    def by_agent(self) -> dict[tuple[str, str], Tally]:
        """By workspace and agent."""
        groups: dict[tuple[str, str], list[RunSnapshot]] = defaultdict(list)
        for run in self.runs.values():
            groups[run.workspace_id, run.agent_id].append(run)
        return {key: _tally(runs) for key, runs in groups.items()}

    def by_agent_and_day(self, zone: tzinfo = UTC) -> dict[tuple[str, str, date], Tally]:
        """By workspace, agent and the day of the start in the zone."""
        groups: dict[tuple[str, str, date], list[RunSnapshot]] = defaultdict(list)
        for run in self.runs.values():
            groups[run.workspace_id, run.agent_id, run.start.astimezone(zone).date()].append(run)
        return {key: _tally(runs) for key, runs in groups.items()}


def truth_of(records: Iterable[Record]) -> Truth:
    """The truth in the records, in whatever order and however often each of them came."""
    newest: dict[UUID, tuple[tuple[bool, bool, bool, datetime, bytes], RunSnapshot]] = {}
    ratings: dict[str, int] = {}
    rejected = 0
    for record in records:
        try:
            if record.topic == RUNS:
                run = decode_event(RunSnapshot, record.value)
                rank = _rank(run, record.value)
                if run.id not in newest or rank > newest[run.id][0]:
                    newest[run.id] = rank, run
            elif record.topic == FEEDBACK:
                feedback = decode_event(RunFeedback, record.value)
                ratings[feedback.feedback_id] = feedback.rating
        except InvalidEvent:
            rejected += 1
    return Truth({key: run for key, (_, run) in newest.items() if not run.deleted}, rejected, ratings)


def _rank(run: RunSnapshot, value: bytes) -> tuple[bool, bool, bool, datetime, bytes]:
    ended = run.status in ENDED_STATUSES
    return (
        run.deleted,
        ended,
        run.status == "running",
        run.updated_at,
        hashlib.sha256(value).digest()[:8],
    )


def _tally(runs: Iterable[RunSnapshot]) -> Tally:
    tally = Tally()
    for run in runs:
        tally.add(run)
    return tally
