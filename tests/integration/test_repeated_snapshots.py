"""Each snapshot three times, shuffled, over several partitions: no answer changes by a digit."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from integration.answers import Answer, all_runs, analytics, post, totals_until, until
from integration.stacks import RunningStack
from runtally.connection import KafkaConnection
from runtally.events import RunSnapshot
from runtally.kafka_producer import start_producer

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
RUNS = 150
SCOPE = {"from": "2026-11-01", "to": "2026-11-20"}


def _history(workspace: str, number: int) -> list[RunSnapshot]:
    """A run from queued to its end, some with a late amendment."""
    start = END - timedelta(hours=number)
    base: dict[str, Any] = {
        "run_id": f"run-{number}",
        "workspace_id": workspace,
        "agent_id": f"agent-{number % 5}",
        "started_at": start,
    }
    final = {"duration_ms": 1000 + number, "input_tokens": 10 * number, "output_tokens": number, "cost_usd": "0.1"}
    steps: list[dict[str, Any]] = [
        {"status": "queued"},
        {"status": "running"},
        {"status": ("succeeded", "failed", "cancelled")[number % 3], **final},
    ]
    if number % 4 == 0:
        steps.append({**steps[-1], "cost_usd": "0.123456789"})
    return [
        RunSnapshot.model_validate({**base, **step, "updated_at": start + timedelta(seconds=n)})
        for n, step in enumerate(steps)
    ]


async def _publish(bootstrap: str, snapshots: Sequence[RunSnapshot], rng: random.Random) -> None:
    producer = await start_producer(KafkaConnection(bootstrap), "test")
    try:
        for snapshot in snapshots:
            # A random key: the copies of a run land on different partitions.
            await producer.send(snapshot.topic, snapshot.message_value(), key=rng.randbytes(4))
        await producer.flush()
    finally:
        await producer.stop()


def _answers(stack: RunningStack, workspace: str) -> tuple[Answer, list[Answer]]:
    with stack.client() as client:
        answer = analytics(client, workspace_id=workspace, **SCOPE)
        del answer["meta"]
        for entry in [*answer["agents"], *answer["runs_per_day"]]:
            del entry["workspace_id"]
        runs = all_runs(client, workspace_id=workspace)
    for run in runs:
        del run["workspace_id"], run["id"]  # the stored key is derived from the workspace too
    return answer, sorted(runs, key=lambda run: str(run["run_id"]))


def test_three_shuffled_deliveries_answer_as_one(stack: RunningStack) -> None:
    rng = random.Random(20261121)
    once = [_history("once", n)[-1] for n in range(RUNS)]
    asyncio.run(_publish(stack.bootstrap, once, rng))
    thrice = [snapshot for n in range(RUNS) for snapshot in _history("thrice", n)] * 3
    rng.shuffle(thrice)
    asyncio.run(_publish(stack.bootstrap, thrice, rng))
    with stack.client() as client:
        marker = {**_history("marker", 1)[-1].model_dump(mode="json"), "workspace_id": "marker"}
        totals_until(client, RUNS, workspace_id="once", **SCOPE)
        totals_until(client, RUNS, workspace_id="thrice", **SCOPE)
        post(client, marker)
        totals_until(client, 1, workspace_id="marker", **SCOPE)
    until(lambda: _answers(stack, "thrice") == _answers(stack, "once"), "thrice answers as once")
    asyncio.run(_publish(stack.bootstrap, thrice[:300], rng))
    before = _answers(stack, "once")
    until(lambda: _lag_is_gone(stack), "the redelivery is stored")
    assert _answers(stack, "thrice") == before


def _lag_is_gone(stack: RunningStack) -> bool:
    """Whether a run posted after the redelivery can be queried, so that what came before it is stored too."""
    with stack.client() as client:
        post(client, {**_history("after", 2)[-1].model_dump(mode="json")})
        return bool(analytics(client, workspace_id="after", **SCOPE)["totals"]["runs"])
