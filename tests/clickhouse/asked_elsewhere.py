"""Questions whose answers other tests look at, and what they need besides runs."""

from runtally.events import RunFeedback
from runtally_clickhouse.catalogue import RunQuestion
from runtally_clickhouse.client import Store
from runtally_consumer.decoding import DECODERS

# About the states of agents, and about what the consumer did: tests/api/test_events.py and test_pipeline.py.
OF_LIFECYCLE = {"agents_by_state", "state_transitions", "letters_seen", "letters_by_reason", "acknowledged_by_minute"}
# What reads the runs that lists are narrowed to.
OF_LISTS = {name: ["FROM listed_runs"] for name in ("drawn_runs", "listed_runs_by_step", "runs_newest_first")}
# Whole runs and feedback are many columns; split runs need runs of their own.
ASKED_ELSEWHERE = {
    RunQuestion.DRAWN_RUNS,
    RunQuestion.SPLIT_RUNS,
    RunQuestion.RUNS_BY_ID,
    RunQuestion.RUNS_NEWEST_FIRST,
    RunQuestion.FEEDBACK_NEWEST_FIRST,
}


def rate(store: Store, workspace_id: str, run_id: str) -> None:
    """A rating of the run."""
    said = {"feedback_id": "f", "run_id": run_id, "workspace_id": workspace_id, "agent_id": "planner", "rating": 4}
    event = RunFeedback.model_validate({**said, "created_at": "2026-11-21T09:10:00Z"})
    decoded = DECODERS[RunFeedback.topic].decode([event.message_value()])
    assert not decoded.rejected
    store.insert("agent_feedback", decoded.table)
