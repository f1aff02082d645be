"""Dropping old months: what goes, what stays, and that no replay brings it back."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from clickhouse.rolling_up import refresh
from clickhouse.rollup_reading import raw_sums_by_bucket, sums_by_bucket
from clickhouse.withdrawing_records import (
    ACTIVITY,
    NOW,
    RUNS,
    batch,
    event_message,
    run_message,
    visible,
    write,
    writer,
)
from runtally_cli.withdrawing.operations import retention_apply
from runtally_clickhouse.client import Store
from runtally_clickhouse.retention import apply_horizons, horizon_of_age, horizons, months_before, set_horizons
from runtally_clickhouse.rollups import dirty_buckets
from runtally_clickhouse.withdrawals import WithdrawalList

SEPTEMBER_S = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp())
DECEMBER_S = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


def fleet(draw: random.Random) -> list[bytes]:
    """Runs of three months, some at the very ends of one."""
    starts = ["2026-10-31T23:59:59.999Z", "2026-11-01T00:00:00Z", "2026-10-01T00:00:00Z"]
    starts += [f"2026-{draw.choice(['09', '10', '11'])}-{draw.randrange(1, 21):02d}T08:00:00Z" for _ in range(40)]
    return [
        run_message(f"run-{number}", started_at=start, updated_at=start, cost_usd="0.5")
        for number, start in enumerate(starts)
    ]


def kept(messages: list[bytes]) -> int:
    return sum(b'"started_at": "2026-11' in value for value in messages)


def answers_are_exact(store: Store, messages: list[bytes]) -> None:
    for _ in range(2):
        sums = sums_by_bucket(store, SEPTEMBER_S, DECEMBER_S)
        assert sums == raw_sums_by_bucket(store, SEPTEMBER_S, DECEMBER_S)
        assert sum(runs for runs, _ in sums.values()) == len(visible(store)) == kept(messages)
        refresh(store, random.Random(3))
        assert dirty_buckets(store, 1).total == 0


def test_what_was_dropped_does_not_come_back(store: Store) -> None:
    draw = random.Random(5)
    messages = fleet(draw)
    write(store, RUNS, messages)
    write(store, ACTIVITY, [event_message(ACTIVITY, "e", "ann", at="2026-09-01T00:00:00Z")])
    refresh(store, draw)
    found = months_before(store, ["agent_runs"], NOVEMBER)
    assert [(one.event_table, one.month) for one in found] == [("agent_runs", 202609), ("agent_runs", 202610)]
    assert sum(one.rows for one in found) == len(messages) - kept(messages)
    assert all(one.bytes for one in found)
    set_horizons(store, ["agent_runs"], NOVEMBER, NOW)
    assert [replace(one, bytes=0) for one in apply_horizons(store, NOW)] == [replace(one, bytes=0) for one in found]
    answers_are_exact(store, messages)
    draw.shuffle(messages)
    written = write(store, RUNS, messages, first=500)
    assert (written.accepted, written.withdrawn) == (len(messages), {"retired": len(messages) - kept(messages)})
    answers_are_exact(store, messages)
    assert apply_horizons(store, NOW) == []
    assert visible(store, "user_activity", "event_id") == [("acme", "e", "ann")]


def test_a_horizon_never_goes_back_and_is_of_tables_of_events(store: Store) -> None:
    set_horizons(store, ["agent_runs"], NOVEMBER, NOW)
    set_horizons(store, ["agent_runs", "user_activity"], datetime(2026, 5, 1, tzinfo=UTC), NOW)
    assert WithdrawalList(store).current().horizons == {
        "agent_runs": int(NOVEMBER.timestamp()) * 1000,
        "user_activity": int(datetime(2026, 5, 1, tzinfo=UTC).timestamp()) * 1000,
    }
    with pytest.raises(ValueError, match="no table of events: ingest_ledger"):
        set_horizons(store, ["ingest_ledger"], NOVEMBER, NOW)


@pytest.mark.parametrize("table", ["retention_horizons", "bucket_changes"])
def test_stopped_between_its_steps_it_goes_on(store: Store, table: str) -> None:
    """Before the months are dropped, and between the dropping and the marks."""
    messages = fleet(random.Random(6))
    write(store, RUNS, messages)
    refresh(store, random.Random(1))
    set_horizons(store, ["agent_runs"], NOVEMBER, NOW)
    if table == "bucket_changes":
        for month in ("202609", "202610"):
            store.command("ALTER TABLE agent_runs DROP PARTITION ID {month:String}", {"month": month})
    assert not horizons(store)[0].applied
    apply_horizons(store, NOW)
    assert horizons(store)[0].applied
    answers_are_exact(store, messages)


def test_an_insert_that_was_under_way_leaves_nothing_behind(store: Store) -> None:
    """The consumer reads the list, the months are dropped, and only then its insert arrives."""
    messages = fleet(random.Random(7))

    class Late(WithdrawalList):
        calls = dropped = 0

        def current(self):  # type: ignore[no-untyped-def]
            found = super().current()
            self.calls += 1
            if self.calls == 1:
                set_horizons(store, ["agent_runs"], NOVEMBER, NOW)
                apply_horizons(store, NOW)
            return found

        def drop_retired(self) -> None:
            self.dropped += len(apply_horizons(store, NOW))

    one, late = writer(store), Late(store)
    one._withdrawn = late
    asyncio.run(one.write(batch(RUNS, messages)))
    assert late.dropped == 2
    answers_are_exact(store, messages)


def test_rows_that_a_killed_consumer_left_are_dropped_at_the_next_look(store: Store) -> None:
    messages = fleet(random.Random(8))
    set_horizons(store, ["agent_runs"], NOVEMBER, NOW)
    apply_horizons(store, NOW)
    blind = writer(store)
    blind._withdrawn = None
    asyncio.run(blind.write(batch(RUNS, messages)))
    refresh(store, random.Random(2))
    assert len(apply_horizons(store, NOW)) == 2
    answers_are_exact(store, messages)


@pytest.mark.parametrize(
    ("days", "horizon"), [(1, "2026-11-01"), (20, "2026-11-01"), (21, "2026-10-01"), (400, "2025-10-01")]
)
def test_a_month_goes_once_its_last_day_is_older(days: int, horizon: str) -> None:
    assert f"{horizon_of_age(days, NOW):%Y-%m-%d}" == horizon


def test_no_age_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="a day at least"):
        horizon_of_age(0, NOW)


def test_the_command_tells_what_went_though_a_consumer_was_there_first(store: Store) -> None:
    """It reads the horizon every few seconds, and so now and then between the command's two steps."""
    write(store, RUNS, fleet(random.Random(9)))
    found = months_before(store, ["agent_runs"], NOVEMBER)

    class BesideAConsumer:
        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def insert(self, table: str, rows: pa.Table) -> None:
            store.insert(table, rows)
            if table == "retention_horizons" and not rows["applied"][0].as_py():
                assert len(apply_horizons(store, NOW)) == 2

    asked = {"tables": ["agent_runs"], "before": NOVEMBER.isoformat(), "by": "ann", "host": "here"}
    told = retention_apply(BesideAConsumer(), asked)  # type: ignore[arg-type]
    assert [(one["event_table"], one["month"]) for one in told] == [("agent_runs", 202609), ("agent_runs", 202610)]
    assert sum(one["rows"] for one in told) == sum(one.rows for one in found)
    assert months_before(store, ["agent_runs"], NOVEMBER) == []
