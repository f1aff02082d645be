"""Runs to ask about, written as the consumer writes them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from runtally.events import RunSnapshot
from runtally_clickhouse.catalogue import RunFilters, RunQuestion, RunScope
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.cell_questions import CellQuestion
from runtally_clickhouse.run_lists import ListFilters, list_parameters
from runtally_clickhouse.said_and_lived import FeedbackFilters, feedback_parameters
from runtally_consumer.decoding import decode_runs

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAY_MS = 86_400_000
TODAY_MS = 1_795_219_200_000
# What each question needs beside its scope.
NIL = str(UUID(int=0))
DAYS = {"day_starts_ms": [TODAY_MS - DAY_MS, TODAY_MS]}
AnyQuestion = RunQuestion | CellQuestion
# Names of workspaces that would break out of a text.
STRANGE = ["b'", 'b"', "b\\", "b\\'", "b`", "b🤖", "b\n\t\0", "['a']", "a','b", "", "%", "{x:String}"]
_DRAWN_OF = ["acme", "beta", "mine", *STRANGE]
PARAMETERS: dict[AnyQuestion, Mapping[str, object]] = {
    CellQuestion.AGENTS_SEEN: {},
    RunQuestion.DATA_RANGE: {},
    RunQuestion.DRAWN_RUNS: {
        **ListFilters().parameters(),
        "window_workspaces": _DRAWN_OF,
        "window_from_ms": [TODAY_MS - DAY_MS] * len(_DRAWN_OF),
        "window_to_ms": [TODAY_MS + DAY_MS] * len(_DRAWN_OF),
        "limit": 100,
    },
    RunQuestion.FEEDBACK_NEWEST_FIRST: feedback_parameters(FeedbackFilters(), 100),
    CellQuestion.RUN_TOTALS: {},
    CellQuestion.RUNS_BY_AGENT: {},
    CellQuestion.RUNS_BY_AGENT_AND_DAY: DAYS,
    RunQuestion.LISTED_RUNS_BY_STEP: {**ListFilters().parameters(), "step_starts_ms": DAYS["day_starts_ms"]},
    RunQuestion.RUNS_BY_ID: {"by_key": 0, "key": NIL, "given_id": "a"},
    CellQuestion.RUNS_BY_MODEL: {},
    RunQuestion.RUNS_NEWEST_FIRST: list_parameters(ListFilters(), 100),
    RunQuestion.SPLIT_RUNS: {"limit": 100, "slices": 1, "slice": 0},
    RunQuestion.USAGE_BY_DAY: DAYS,
    RunQuestion.USAGE_TOTALS: {},
}


def snapshot(run_id: str, **fields: Any) -> RunSnapshot:
    """A snapshot with what is required, and more."""
    return RunSnapshot.model_validate(
        {
            "run_id": run_id,
            "workspace_id": "acme",
            "agent_id": "planner",
            "status": "succeeded",
            "started_at": "2026-11-21T09:00:00.123Z",
            "updated_at": "2026-11-21T09:00:02Z",
            **fields,
        }
    )


def insert(store: Store, *snapshots: RunSnapshot) -> None:
    """In one block, each snapshot a row."""
    decoded = decode_runs([item.message_value() for item in snapshots])
    assert not decoded.rejected
    store.insert("agent_runs", decoded.table)


def scope(*workspaces: str, **filters: Any) -> RunScope:
    """All time; only these workspaces, or all when none is named."""
    return RunScope(
        workspaces=frozenset(workspaces) or None,
        stalled_before=NOW - timedelta(hours=24),
        filters=RunFilters(**filters),
    )
