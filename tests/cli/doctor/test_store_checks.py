"""The store, example by example."""

from datetime import timedelta
from typing import Any

import pytest
from cli.doctor.examples import NOW, bad, the_bad_one, value
from runtally_cli.doctor.findings import Finding, Level, Unanswered
from runtally_cli.doctor.store_checks import GIB, check_space, check_store
from runtally_cli.doctor.tables import actual_shape, expected_shapes
from runtally_clickhouse.migrations import Migration, known_migrations


def _row(name: str) -> dict[str, Any]:
    shape = expected_shapes(known_migrations())[name]
    return {
        "name": name,
        "engine": shape.engine,
        "engine_full": f"{shape.engine}({shape.arguments}) ORDER BY x SETTINGS index_granularity = 8192",
        "partition_key": shape.partition,
        "sorting_key": shape.order,
    }


def _facts(**changed: Any) -> dict[str, Any]:
    return {
        "version": "26.9.2.1",
        "embedded": False,
        "missing": value([]),
        "tables": value([_row(name) for name in expected_shapes(known_migrations())]),
        "disks": value([{"name": "default", "free": 50 * GIB, "total": 100 * GIB}]),
        "data_as_of": value((NOW - timedelta(seconds=3)).isoformat()),
        "writes": value(None),
        **changed,
    }


def _findings(*, named: bool = True, **changed: Any) -> list[Finding]:
    return check_store(_facts(**changed), "ClickHouse at ch:8123", named=named, now=NOW)


def test_a_healthy_store_has_nothing_to_mend() -> None:
    assert bad(_findings()) == []
    areas = {finding.area for finding in _findings()}
    assert areas == {"store", "schema", "writes", "tables", "freshness", "disk"}


@pytest.mark.parametrize(
    ("refusal", "named", "remedy"),
    [
        (Unanswered("refused", "StoreUnavailable"), True, "RUNTALLY_CLICKHOUSE_URL"),
        (Unanswered("refused", "StoreRefused", 81), True, "`runtally migrate`"),
        (Unanswered("refused", "StoreRefused", 516), True, "http://user:password@host"),
        (Unanswered("refused", "NoStore"), False, "`runtally up`"),
        (Unanswered("refused", "HeldElsewhere"), False, "again in a minute"),
        (Unanswered("refused"), False, "again in a minute"),
    ],
)
def test_a_store_that_is_away_leaves_the_rest_unknown(refusal: Unanswered, named: bool, remedy: str) -> None:
    first, *others = check_store(refusal, "", named=named, now=NOW)

    assert (first.level, first.message) == (Level.ERROR, "refused")
    assert remedy in first.remedy
    assert {finding.level for finding in others} == {Level.UNKNOWN}


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("24.3.1.1", Level.ERROR),
        ("25.7.9.1", Level.ERROR),
        ("25.8.1.1", Level.OK),
        ("26.7.3.1", Level.OK),
        ("27.1.1.1", Level.OK),
        ("unheard of", Level.ERROR),
    ],
)
def test_versions(version: str, level: Level) -> None:
    assert _findings(version=version)[0].level is level


def test_a_version_that_the_tests_do_not_run_on_is_said_to_be_so() -> None:
    assert "tested with 26.7 and 26.9" in _findings(version="25.8.1.1")[0].message
    assert "tested" not in _findings(version="26.7.1.1")[0].message


@pytest.mark.parametrize(("named", "remedy"), [(True, "`runtally migrate`"), (False, "`runtally up`")])
def test_missing_migrations_are_an_error_and_their_tables_are_not_told_twice(named: bool, remedy: str) -> None:
    missing = [migration.name for migration in known_migrations()]

    finding = the_bad_one(_findings(named=named, missing=value(missing), tables=value([])))

    assert (finding.area, finding.level, finding.remedy) == ("schema", Level.ERROR, remedy)


def test_a_schema_that_cannot_be_told_is_an_error_with_its_reason() -> None:
    findings = bad(_findings(missing={"why": "the store has migration 0009: upgrade runtally"}))

    assert [(finding.area, finding.level) for finding in findings] == [("schema", Level.ERROR)]


def test_a_store_that_drops_equal_blocks_is_an_error() -> None:
    finding = the_bad_one(_findings(writes={"why": "the store kept 1 of 2 equal blocks: check it"}))

    assert finding.level is Level.ERROR
    assert "deduplicate_insert" in finding.remedy


def test_a_user_who_may_not_write_leaves_it_unknown() -> None:
    assert the_bad_one(_findings(writes={"why": "not enough privileges"})).level is Level.UNKNOWN


@pytest.mark.parametrize(
    "changed",
    [
        {"engine": "MergeTree", "engine_full": "MergeTree ORDER BY x"},
        {"engine_full": "ReplacingMergeTree(version) ORDER BY x"},
        {"sorting_key": "workspace_id, run_id"},
        {"partition_key": "toYYYYMMDD(started_at)"},
    ],
)
def test_a_table_that_would_not_merge_rightly_is_an_error(changed: dict[str, str]) -> None:
    rows = [_row(name) | (changed if name == "agent_runs" else {}) for name in expected_shapes(known_migrations())]

    finding = the_bad_one(_findings(tables=value(rows)))

    assert (finding.area, finding.level) == ("tables", Level.ERROR)
    assert "agent_runs" in finding.message


def test_a_table_that_is_gone_is_an_error() -> None:
    rows = [_row(name) for name in expected_shapes(known_migrations()) if name != "ingest_ledger"]

    assert "ingest_ledger" in the_bad_one(_findings(tables=value(rows))).message


def test_a_replicated_engine_and_a_distributed_table_are_as_expected() -> None:
    row = _row("agent_runs")
    replicated = row | {
        "engine": "ReplicatedReplacingMergeTree",
        "engine_full": "ReplicatedReplacingMergeTree('/tables/{uuid}/{shard}', '{replica}', version, is_deleted) ORDER",
    }
    distributed = row | {"engine": "Distributed", "engine_full": "Distributed('c', 'd', 'agent_runs_local', rand())"}

    assert actual_shape(replicated) == actual_shape(row)
    rows = [distributed, *(_row(name) for name in expected_shapes(known_migrations()) if name != "agent_runs")]
    assert bad(_findings(tables=value(rows))) == []


def test_a_later_migration_may_drop_a_table() -> None:
    made = "CREATE TABLE IF NOT EXISTS t ${ON_CLUSTER} (a UInt8)\nENGINE = ${REPLICATED}MergeTree\nORDER BY tuple();\n"
    migrations = [Migration(1, "0001_a.sql", made), Migration(2, "0002_b.sql", "DROP TABLE IF EXISTS t;\n")]

    assert str(expected_shapes(migrations[:1])["t"]) == "MergeTree() ORDER BY ()"
    assert expected_shapes(migrations) == {}


@pytest.mark.parametrize(
    ("age", "told"),
    [(timedelta(seconds=3), "3 s ago"), (timedelta(minutes=5), "5 minutes ago"), (timedelta(days=9), "9 days ago")],
)
def test_freshness_is_told_and_age_alone_is_no_fault(age: timedelta, told: str) -> None:
    findings = _findings(data_as_of=value((NOW - age).isoformat()))

    assert bad(findings) == []
    assert any(told in finding.message for finding in findings)


def test_an_empty_store_is_healthy_and_a_batch_from_the_future_is_not() -> None:
    assert bad(_findings(data_as_of=value(None))) == []
    assert the_bad_one(_findings(data_as_of=value((NOW + timedelta(hours=1)).isoformat()))).level is Level.WARNING


@pytest.mark.parametrize(("free", "level"), [(50, Level.OK), (4, Level.WARNING), (0, Level.ERROR)])
def test_space(free: int, level: Level) -> None:
    assert check_space("/data", free * GIB, 100 * GIB).level is level


def test_object_storage_has_no_end_and_the_embedded_engine_uses_the_folders_disk() -> None:
    endless = value([{"name": "s3", "free": 2**63, "total": 2**63}])

    assert "disk" not in {finding.area for finding in _findings(disks=endless)}
    assert "disk" not in {finding.area for finding in _findings(embedded=True)}
