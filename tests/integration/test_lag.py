"""The lag that the API tells, over both kinds of stack: 0 once everything is stored, with the offsets of Kafka."""

from integration.answers import Answer, post, until
from integration.stacks import RunningStack

RUNS = 40


def test_lag_of_every_partition_comes_to_nothing(stack: RunningStack) -> None:
    runs = [
        {"run_id": f"lag-{number}", "workspace_id": "acme", "agent_id": "planner", "status": "succeeded",
         "started_at": "2026-11-20T09:00:00Z"}
        for number in range(RUNS)
    ]  # fmt: skip
    told: list[Answer] = []

    def read_up() -> bool:
        told.append(client.get("/api/v1/ingestion/lag").json())
        taken = sum(one["committed"] or 0 for one in told[-1]["partitions"] or [])
        return told[-1]["behind"] == 0 and taken >= RUNS

    with stack.client() as client:
        post(client, runs)
        until(read_up, "a lag of 0")
    assert told[-1]["unknown_because"] is None
    assert told[-1]["is_at_least"] is (stack.kind == "local")
    assert len(told[-1]["partitions"]) == 4 * 12
    assert {one["topic"] for one in told[-1]["partitions"]} >= {"agent-runs.v1", "user-activity.v1"}
