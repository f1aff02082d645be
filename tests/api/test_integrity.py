"""`GET /api/v1/integrity` counts what it says, and nothing when there is nothing."""

from datetime import UTC, datetime, timedelta

from api.door import Door, run
from runtally_api.ledger_gaps import Gap, examine
from runtally_clickhouse.rollup_drift import RollupsChecked, tell_checked

TOPIC = "agent-runs.v1"


def test_an_empty_store_is_well(door: Door) -> None:
    answer = door.get("/api/v1/integrity")
    assert answer["ok"] is True
    assert (answer["split_runs"], answer["duplicates_held"], answer["ledger_gaps"]) == (0, 0, 0)
    assert answer["stored"] == {"rows": 0, "runs": 0, "deleted_runs": 0}
    assert answer["ledger"] == {"streams": 0, "partitions": 0, "missing_offsets": 0, "gaps": []}
    assert [check["value"] for check in answer["checks"]] == [0, 0, 0, None, None]
    assert [check["ok"] for check in answer["checks"]] == [True, None, True, None, None]
    assert (answer["rollup_drift"], answer["rollups"]) == (None, {"compared": 0, "drifted": []})


def test_one_id_with_two_starts_is_a_split_run(door: Door) -> None:
    key = "0193a5c0-7b1e-7c3f-9a51-2f0c6f3f1a10"
    door.post(
        run("a", started_at="2025-03-01T09:00:00Z"),
        run("a", started_at="2026-11-21T09:00:00.001Z"),
        run("a", started_at="2026-11-21T09:00:00.002Z"),
        run("a", workspace_id="beta"),
        run("b/🤖", agent_id="coder"),
        run("b/🤖", agent_id="coder", started_at="2026-11-21T09:00:01Z", deleted=True),
        run(key),
        run(key, agent_id="coder"),
    )
    answer = door.get("/api/v1/integrity")
    assert (answer["ok"], answer["split_runs"]) == (False, 1)
    assert answer["split"] == [
        {
            "workspace_id": "acme",
            "run_id": "a",
            "stored_runs": 3,
            "first_started_at": "2025-03-01T09:00:00Z",
            "last_started_at": "2026-11-21T09:00:00.002Z",
        }
    ]
    assert door.get("/api/v1/integrity", workspace_id="beta")["split_runs"] == 0
    assert door.get("/api/v1/integrity", **{"from": "2026-11-01"})["split"][0]["stored_runs"] == 2
    assert door.get("/api/v1/integrity", to="2026-11-01")["split_runs"] == 0


def test_duplicates_are_rows_beyond_one_a_run(door: Door) -> None:
    store = door.publisher.store
    store.command("SYSTEM STOP MERGES agent_runs")
    try:
        for _ in range(3):
            door.post(run("a"))
        door.post(run("a", updated_at="2026-11-21T09:10:00Z"))
        door.post(run("b"))
        door.post(run("b", deleted=True))
        answer = door.get("/api/v1/integrity")
        assert answer["stored"] == {"rows": 6, "runs": 1, "deleted_runs": 1}
        assert (answer["ok"], answer["duplicates_held"]) == (True, 4)
    finally:
        store.command("SYSTEM START MERGES agent_runs")
    store.command("OPTIMIZE TABLE agent_runs FINAL")
    assert door.get("/api/v1/integrity")["duplicates_held"] == 0


def test_gaps_of_the_ledger(door: Door) -> None:
    door.publisher.acknowledge(TOPIC, 5, 9)
    door.publisher.acknowledge(TOPIC, 10, 19)
    assert door.get("/api/v1/integrity")["ledger_gaps"] == 0
    door.publisher.acknowledge(TOPIC, 22, 29)
    door.publisher.acknowledge(TOPIC, 25, 25)
    answer = door.get("/api/v1/integrity")
    assert (answer["ok"], answer["ledger_gaps"]) == (False, 1)
    assert answer["ledger"] == {
        "streams": 1,
        "partitions": 1,
        "missing_offsets": 2,
        "gaps": [{"stream": "test-cluster", "topic": TOPIC, "partition": 0, "first_offset": 20, "last_offset": 21}],
    }
    assert answer["meta"]["freshness_seconds"] == 0.0


def test_rollups_that_had_drifted_are_told_for_a_day(door: Door) -> None:
    store = door.publisher.store
    door.now = datetime.now(UTC)  # the store's own clock says when it was found
    tell_checked(store, RollupsChecked(40, ()))
    answer = door.get("/api/v1/integrity")
    assert (answer["ok"], answer["rollup_drift"], answer["rollups"]["compared"]) == (True, 0, 40)
    for _ in range(2):  # told twice it is the same
        tell_checked(store, RollupsChecked(10, (1_795_251_600, 1_795_252_500)))
    answer = door.get("/api/v1/integrity")
    assert (answer["ok"], answer["rollup_drift"]) == (False, 2)
    assert answer["rollups"] == {"compared": 60, "drifted": ["2026-11-21T09:15:00Z", "2026-11-21T09:00:00Z"]}
    door.now += timedelta(hours=25)
    assert door.get("/api/v1/integrity")["rollup_drift"] is None


def test_a_local_brokers_offsets_begin_at_zero() -> None:
    ranges = [
        {"topic": TOPIC, "partition": 3, "first": 5, "last": 9},
        {"topic": TOPIC, "partition": 4, "first": 0, "last": 0},
    ]
    ranges.append({"topic": TOPIC, "partition": 4, "first": 1, "last": 8})
    ranges.append({"topic": TOPIC, "partition": 4, "first": 3, "last": 4})
    ranges.append({"topic": TOPIC, "partition": 4, "first": 10, "last": 11})
    local = examine({**one, "stream": "local-1"} for one in ranges)
    assert local.gaps == (Gap("local-1", TOPIC, 3, 0, 4), Gap("local-1", TOPIC, 4, 9, 9))
    assert local.missing_offsets == 6
    assert [gap.partition for gap in examine({**one, "stream": "k#t"} for one in ranges).gaps] == [4]
