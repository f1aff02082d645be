"""`runtally verify` where something runs: a stack that holds the folder, nobody, servers. A hole is made and found."""

import asyncio
import json
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from backends.waiting import eventually
from consumer.samples import NOT_JSON, RUNS, run_value
from integration.stacks import RUNTALLY, free_ports, local_stack, server_stack
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation

Document = dict[str, Any]
SECONDS = 60


def _run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUNTALLY, "verify", *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def _verified(environment: Mapping[str, str]) -> Document:
    done = _run(environment, "--json")
    assert done.stderr == "", done.stderr
    document: Document = json.loads(done.stdout)
    assert done.returncode == (0 if document["ok"] else 1)
    return document


def _publish(bootstrap: str, values: Sequence[bytes], **options: Any) -> None:
    """All into partition 0 of the runs."""

    async def publish() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", **options) as producer:
            if "transactional_id" in options:
                for value in values:  # each followed by a control record
                    async with producer.transaction():
                        await producer.send_and_wait(RUNS, value, partition=0)
                return
            sent = [await producer.send(RUNS, value, partition=0) for value in values]
            await asyncio.gather(*sent)

    asyncio.run(publish())


def _partition(document: Document, stream: str | None = None) -> Document:
    places = [one for one in document["partitions"] if (one["topic"], one["partition"]) == (RUNS, 0)]
    wanted = [one for one in places if (one["present"] if stream is None else one["stream"] == stream)]
    return wanted[0] if wanted else {"covered": [], "committed": None}


def _committed(environment: Mapping[str, str], offset: int) -> None:
    eventually(lambda: _partition(_verified(environment))["committed"] == offset, SECONDS, f"commit of {offset}")


def _delete(location: StoreLocation, first: int) -> None:
    with closing(Store(location)) as store:
        store.command(
            "ALTER TABLE ingest_ledger DELETE WHERE topic = {topic:String} AND `partition` = 0 "
            "AND first_offset = {first:UInt64} SETTINGS mutations_sync = 2",
            {"topic": RUNS, "first": first},
        )


def _findings(partition: Document) -> list[tuple[str, int, int]]:
    return [(one["fault"], one["first"], one["last"]) for one in partition["findings"]]


def test_a_local_stack_held_and_not_and_a_hole_that_stays_told_after_the_next_start(tmp_path: Path) -> None:
    with local_stack(tmp_path) as stack:
        assert _verified(stack.environment)["counts"]["records"] == 0
        for batch in range(3):
            values = [run_value(number) for number in range(batch * 9, batch * 9 + 9)]
            _publish(stack.bootstrap, [*values, NOT_JSON])
            _committed(stack.environment, 10 * batch + 10)
        held = _verified(stack.environment)
        environment = stack.environment
        assert "which runs on" in _run(environment).stdout.splitlines()[0]
    assert held["ok"], held
    assert held["counts"] == {"records": 30, "accepted": 27, "dead": 3, "findings": 0, "untold": 0}
    assert _partition(held)["covered"] == [[0, 29]]

    alone = _verified(environment)
    assert (alone["ok"], alone["stream"], alone["counts"]) == (True, "", held["counts"])
    _delete(StoreLocation.embedded(tmp_path), 10)
    hole = [("hole", 10, 19)]
    assert _findings(_partition(_verified(environment), held["stream"])) == hole
    assert "offsets 10..19: not in the ledger: 10 records, 0 accounted for" in _run(environment).stdout

    with local_stack(tmp_path) as stack:
        _publish(stack.bootstrap, [run_value(100)])
        _committed(stack.environment, 1)
        again = _verified(stack.environment)
    assert again["stream"] not in ("", held["stream"])
    assert _findings(_partition(again)) == []
    assert _findings(_partition(again, held["stream"])) == hole


@pytest.mark.usefixtures("native_servers")
def test_servers_control_records_are_no_gap_and_a_hole_is_one(tmp_path: Path) -> None:
    with server_stack(tmp_path) as stack:
        _publish(stack.bootstrap, [run_value(number) for number in range(10)])
        _committed(stack.environment, 10)
        _publish(stack.bootstrap, [run_value(number) for number in range(10, 15)], transactional_id="verify")
        _publish(stack.bootstrap, [*(run_value(number) for number in range(20, 24)), NOT_JSON])
        _committed(stack.environment, 25)

        whole = _verified(stack.environment)
        assert whole["ok"], whole
        assert whole["counts"] == {"records": 20, "accepted": 19, "dead": 1, "findings": 0, "untold": 0}

        _delete(StoreLocation.server(stack.environment["RUNTALLY_CLICKHOUSE_URL"]), 0)
        assert _findings(_partition(_verified(stack.environment))) == [("not_in_ledger", 0, 9)]
        with closing(Store(StoreLocation.server(stack.environment["RUNTALLY_CLICKHOUSE_URL"]))) as store:
            store.command("TRUNCATE TABLE ingest_ledger")
        # Between the transactions lie the records that say how they ended: 11, 13, 15, 17 and 19.
        expected = [(0, 10), (12, 12), (14, 14), (16, 16), (18, 18), (20, 24)]
        broken = _verified(stack.environment)
        assert _findings(_partition(broken)) == [("not_in_ledger", *one) for one in expected]
        assert broken["counts"]["records"] == 0


def test_nothing_yet_says_how_to_begin(tmp_path: Path) -> None:
    done = _run(free_ports(tmp_path / "none"))

    assert done.returncode == 1
    assert "`runtally up`" in done.stderr
