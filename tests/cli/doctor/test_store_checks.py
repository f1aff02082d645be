"""The store, example by example."""

from datetime import timedelta
from importlib import resources
from typing import Any

import pytest
from cli.doctor.examples import NOW, bad, the_bad_one, value
from runtally_cli.doctor.store_checks import GIB, check_space, check_store
from runtally_cli.doctor.unanswered import Unanswered
from runtally_clickhouse.findings import Finding, Level
from runtally_clickhouse.migrations import known_migrations
from runtally_clickhouse.profiles import READ, WRITE

SCHEMA = (resources.files("runtally_clickhouse") / "schema.sql").read_text()


def _rows(**changed: tuple[str, str]) -> list[dict[str, Any]]:
    """Rows of the query `table_statements`; `changed` replaces a text by another in one table's statement."""
    rows = []
    for statement in SCHEMA.strip().split("\n\n"):
        name = statement.split()[2]
        old, new = changed.get(name, ("", ""))
        assert old in statement
        rows.append({"name": name, "engine": "", "statement": statement.replace(old, new, 1)})
    return rows


def _facts(**changed: Any) -> dict[str, Any]:
    return {
        "version": "26.9.2.1",
        "embedded": False,
        "missing": value([]),
        "tables": value(_rows()),
        "write_settings": value([{"name": name, "value": str(at)} for name, at in WRITE.items()]),
        "read_settings": value([{"name": name, "value": str(at)} for name, at in READ.items()]),
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
    assert areas == {"store", "schema", "writes", "profile", "tables", "freshness", "disk"}


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
    ("old", "new", "told"),
    [
        ("ReplacingMergeTree(version, is_deleted)", "MergeTree", "is MergeTree()"),
        ("(version, is_deleted)", "(version)", "ReplacingMergeTree(version)"),
        ("ORDER BY (workspace_id, started_at, run_id)", "ORDER BY (workspace_id, run_id)", "ORDER BY"),
        ("toYYYYMM(started_at)", "toYYYYMMDD(started_at)", "PARTITION BY"),
        ("\nSETTINGS", "\nTTL toDateTime(started_at) + toIntervalDay(30)\nSETTINGS", "TTL"),
        ("    `cost_usd` Nullable(Decimal(18, 9)),\n", "", "lacks column cost_usd"),
        ("`cost_usd` Nullable(Decimal(18, 9))", "`cost_usd` Nullable(Float64)", "Float64"),
        ("`user_id` String", "`user_id` String TTL toDateTime(started_at)", "user_id"),
        ("non_replicated_deduplication_window = 0", "non_replicated_deduplication_window = 100", "= 100"),
        ("index_granularity", "allow_experimental_replacing_merge_with_cleanup = 1, index_granularity", "cleanup"),
        ("\n)\nENGINE", ",\n    PROJECTION p\n    (\n        SELECT count()\n    )\n)\nENGINE", "projection p"),
    ],
)
def test_a_table_on_which_exactness_cannot_rest_is_an_error(old: str, new: str, told: str) -> None:
    finding = the_bad_one(_findings(tables=value(_rows(agent_runs=(old, new)))))

    assert (finding.area, finding.level) == ("tables", Level.ERROR)
    assert "agent_runs" in finding.message
    assert told in finding.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("`user_id` String", "`user_id` String COMMENT 'who asked' CODEC(ZSTD(3))"),
        ("index_granularity = 8192", "index_granularity = 4096, storage_policy = 'cold'"),
        ("ReplacingMergeTree(", "ReplicatedReplacingMergeTree('/tables/{uuid}/{shard}', '{replica}', "),
        ("ReplacingMergeTree(version, is_deleted)", "Distributed('c', 'd', 'agent_runs_local', rand())"),
        ("INDEX session_id_filter session_id TYPE bloom_filter(0.01)", "INDEX other session_id TYPE set(10)"),
    ],
)
def test_what_an_administrator_may_change_is_no_fault(old: str, new: str) -> None:
    assert bad(_findings(tables=value(_rows(agent_runs=(old, new))))) == []


def test_a_column_of_somebody_elses_is_a_warning() -> None:
    rows = _rows(agent_runs=("`user_id` String", "`user_id` String,\n    `mine` String"))

    finding = the_bad_one(_findings(tables=value(rows)))

    assert (finding.level, "mine" in finding.message) == (Level.WARNING, True)


def test_a_table_that_is_gone_is_an_error() -> None:
    rows = [row for row in _rows() if row["name"] != "ingest_ledger"]

    assert "ingest_ledger" in the_bad_one(_findings(tables=value(rows))).message


@pytest.mark.parametrize(
    ("name", "at", "level"), [("final", "0", Level.ERROR), ("use_skip_indexes_if_final", "0", Level.WARNING)]
)
def test_a_setting_that_is_not_in_force_is_told(name: str, at: str, level: Level) -> None:
    settings = [{"name": one, "value": at if one == name else str(pinned)} for one, pinned in READ.items()]

    finding = the_bad_one(_findings(read_settings=value(settings)))

    assert (finding.area, finding.level) == ("profile", level)
    assert name in finding.message


def test_a_client_that_may_not_pin_its_settings_is_an_error() -> None:
    finding = the_bad_one(_findings(write_settings={"why": "setting async_insert should not be changed"}))

    assert (finding.level, "async_insert" in finding.message) == (Level.ERROR, True)


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
