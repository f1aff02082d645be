"""The end of a story: everything has arrived, every answer is exact, and the ledger proves it."""

import asyncio
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from backends.waiting import eventually
from chaos.bounds import Tally
from chaos.fleet import BAD_VALUES, FIRST, LAST, PARTITIONS, POISON_AGENT, TOPIC, Fleet, Place
from chaos.reader import RANGE, Reader, cells_by_day, sums_of_cells
from integration.answers import all_runs
from integration.stacks import RUNTALLY
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.rollups import dirty_buckets
from runtally_consumer.dead_letters import DEAD_LETTER_SUFFIX

from api import oracle

SETTLE_SECONDS = 180.0
MIRRORED = "SELECT `partition`, `offset`, hex(value) AS value FROM dead_letters WHERE topic = {topic:String}"


@dataclass(frozen=True)
class Settled:
    """What a story has gone through, in counts."""

    runs: int
    records: int
    dead_letters: int
    answers: int
    unanswered: int
    out_of_rollups: int
    store_crashes: int = 0


def settle(store: Store, api_url: str, environment: Mapping[str, str], fleet: Fleet, reader: Reader) -> Settled:
    """Fails the test unless every answer equals the oracle's, the dead letters are the bad ones, all is committed."""

    outage = "none"

    def accounted_for() -> bool:
        nonlocal outage
        assert not reader.wrong, reader.wrong
        try:
            reader.acknowledged.look()
        except StoreError as error:
            outage = repr(error)[:500]
            return False
        return reader.acknowledged.missing() == 0

    def why() -> str:
        return f"{reader.acknowledged.missing()} of {len(fleet.known)} missing, newest outage of the store: {outage}"

    reader.stop()  # from here on this asks
    eventually(accounted_for, SETTLE_SECONDS, "every record in the ledger", why)
    with httpx.Client(base_url=api_url, timeout=60) as client:
        require_exact(client, fleet)
    bad = require_dead_letters(store, fleet)
    group = environment["RUNTALLY_CONSUMER_GROUP"]

    def committed() -> bool:
        return asyncio.run(uncommitted(fleet.bootstrap, group)) == 0

    eventually(committed, SETTLE_SECONDS, "every record committed")
    assert not reader.wrong, reader.wrong
    assert reader.answers, "no question was answered"
    runs = len(oracle.current(fleet.sent))
    return Settled(runs, len(fleet.known), len(bad), reader.answers, reader.unanswered, reader.out_of_rollups)


def require_exact(client: httpx.Client, fleet: Fleet) -> None:
    """Every public question, each figure equal, money to the last digit."""
    runs = oracle.current(fleet.sent)
    question = oracle.Question(FIRST.date(), LAST.date(), ZoneInfo("UTC"), datetime.now(UTC))
    expected: dict[str, dict[str, Any]] = {
        "/api/agents/analytics": oracle.analytics(runs, question),
        "/api/v1/analytics/usage": oracle.usage(runs, question),
        "/api/v1/analytics/agents": oracle.agents_usage(runs, question),
    }
    for path, wanted in expected.items():
        response = client.get(path, params={"workspace_id": fleet.workspace, **RANGE})
        assert response.status_code == 200, response.text
        answer = response.json()
        assert {name: answer[name] for name in wanted} == wanted, path
    response = client.post("/api/v1/query", json=cells_by_day(fleet.workspace))
    assert response.status_code == 200, response.text
    tally = Tally()
    tally.add(runs)
    assert sums_of_cells(response.json()) == vars(tally.counted)
    models = client.get("/api/v1/analytics/models", params={"workspace_id": fleet.workspace, **RANGE}).json()
    used = {one["model_id"]: one["usage_count"] for one in models["models"]}
    assert used == oracle.models_usage(runs, question)
    listed = all_runs(client, workspace_id=fleet.workspace, limit=1000)
    assert sorted(run["run_id"] for run in listed) == sorted(run.run_id for run in runs)


def require_rolled_up(store: Store, api_url: str, fleet: Fleet) -> None:
    """Every bucket that has runs turns clean, and every public question is as exact out of rollups as it was before."""
    eventually(lambda: dirty_buckets(store, 1).total == 0, SETTLE_SECONDS, "every bucket's rollup")
    with httpx.Client(base_url=api_url, timeout=60) as client:
        require_exact(client, fleet)


def require_dead_letters(store: Store, fleet: Fleet) -> set[Place]:
    """Exactly the bad records of the fleet are dead letters: in the store and in the topic."""
    rows = store.query(MIRRORED, {"topic": TOPIC})
    mirrored = {(row["partition"], row["offset"]): bytes.fromhex(row["value"]) for row in rows}
    bad = {place for place, run in fleet.known.items() if run is None}
    good = {place for place, run in fleet.known.items() if run is not None}
    assert bad <= mirrored.keys()
    assert not good & mirrored.keys()
    # Those of earlier stories, and records sent again after a lost acknowledgement: of these nobody knows the place.
    strangers = [value for place, value in mirrored.items() if place not in bad]
    assert all(value in BAD_VALUES or POISON_AGENT.encode() in value for value in strangers), strangers[:5]
    assert bad <= asyncio.run(dead_letter_places(fleet.bootstrap))
    return bad


def require_proven(environment: Mapping[str, str]) -> None:
    """`runtally verify` finds the committed offsets covered without a gap."""
    done = subprocess.run(
        [*RUNTALLY, "verify", "--json"], env=dict(environment), capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert json.loads(done.stdout)["counts"]["findings"] == 0


async def uncommitted(bootstrap: str, group: str) -> int:
    """Records beyond what the group has committed."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False) as client:
        partitions = _partitions(TOPIC)
        ends = await client.end_offsets(partitions)
        committed = {one: await client.committed(one) or 0 for one in partitions}
        return sum(ends[one] - committed[one] for one in partitions)


def _partitions(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(PARTITIONS)]


async def dead_letter_places(bootstrap: str) -> set[Place]:
    """Where the records lay that the dead-letter topic holds."""
    found: set[Place] = set()
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False) as client:
        partitions = _partitions(TOPIC + DEAD_LETTER_SUFFIX)
        client.assign(partitions)
        await client.seek_to_beginning(*partitions)
        ends = await client.end_offsets(partitions)
        while any([await client.position(one) < ends[one] for one in partitions]):
            for records in (await client.getmany(timeout_ms=200)).values():
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers if "connect" in name}
                    place = (headers["__connect.errors.partition"], headers["__connect.errors.offset"])
                    found.add((int(place[0]), int(place[1])))
    return found
