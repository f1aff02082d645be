"""Which wide cells a question may read: those that hold all it asks, and lie within one of its steps."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from clickhouse.runs import scope
from runtally_clickhouse.catalogue import NOBODY_STALLED_MS, RunFilters, unix_ms
from runtally_clickhouse.measures.composition import Limits, compose
from runtally_clickhouse.measures.question import Filter, Operator, Question
from runtally_clickhouse.measures.time_steps import Granularity, make_steps
from runtally_clickhouse.measures.wide_cells import filter_columns, split_buckets
from runtally_clickhouse.rollup_levels import DAY, HOUR

START = datetime(2026, 10, 23, tzinfo=UTC)
LIMITS = Limits(2**31, 1000)


def levels(
    *measures: str,
    by: tuple[str, ...] = (),
    filters: tuple[Filter, ...] = (),
    granularity: Granularity = "none",
    zone: str = "UTC",
    days: float = 30,
    **scoped: tuple[str, ...],
) -> str:
    """The letters of the levels that the statement of a question reads."""
    start = START.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    steps = make_steps(start, start + timedelta(days=days), ZoneInfo(zone), granularity)
    composed = compose(Question(measures or ("runs",), steps, by, filters), scope(**scoped), LIMITS)
    tables = {"h": HOUR, "d": DAY}
    read = "".join(letter for letter, level in tables.items() if f"FROM {level.cells}\n" in composed.sql)
    for letter, level in tables.items():
        assert bool(composed.parameters[f"{level.name}_layout"]) == (letter in read)
    return read


def test_a_question_reads_the_cells_that_hold_all_it_asks() -> None:
    assert levels() == levels("cost_usd", "success_rate", "p95_duration_ms") == "hd"
    assert levels(by=("agent_id", "status", "error_type")) == levels(by=("has_error",)) == "hd"
    assert levels(by=("model",)) == levels(by=("agent_version", "provider")) == levels("root_runs") == "d"
    assert levels(filters=(Filter("is_root", "in", (1,)),)) == "d"
    assert levels(model=("m",)) == "d"
    assert levels(environment=("prod",)) == levels(status=("failed",)) == "hd"


def test_histograms_are_told_apart_by_less() -> None:
    assert levels("p95_duration_ms", "success_rate", by=("agent_id",)) == "hd"
    assert levels("p95_duration_ms", by=("model",)) == levels("p50_queue_ms", by=("environment",)) == "d"
    assert levels("p95_duration_ms", by=("status",)) == levels("p95_duration_ms", status=("failed",)) == ""
    assert levels("p95_duration_ms", filters=(Filter("has_error", "in", (1,)),)) == ""


@pytest.mark.parametrize(
    ("zone", "granularity", "expected"),
    [
        ("UTC", "day", "hd"), ("UTC", "week", "hd"), ("UTC", "hour", "h"), ("UTC", "quarter_hour", ""),
        ("Europe/Berlin", "none", "hd"), ("Europe/Berlin", "day", "h"), ("Europe/Berlin", "hour", "h"),
        ("Asia/Kathmandu", "none", "hd"), ("Asia/Kathmandu", "day", "h"), ("Asia/Kathmandu", "hour", ""),
        ("Asia/Kathmandu", "month", "hd"),
    ],
)  # fmt: skip
def test_steps_of_time_begin_within_no_cell(zone: str, granularity: Granularity, expected: str) -> None:
    assert levels(zone=zone, granularity=granularity) == expected


def test_hours_and_weekdays_of_local_clocks() -> None:
    assert levels(by=("hour",)) == levels(by=("weekday",), zone="Europe/Berlin") == "h"
    assert levels(by=("hour",), zone="Asia/Kathmandu") == levels(by=("weekday",), zone="Australia/Lord_Howe") == ""


def test_a_range_without_a_whole_bucket_reads_none() -> None:
    assert levels(days=1 / 24) == "h"
    assert levels(days=1 / 48) == ""
    assert levels(zone="Asia/Kathmandu", days=1) == "h"


def test_buckets_within_which_a_step_begins_are_left_out() -> None:
    midnight = unix_ms(START)
    assert split_buckets(DAY, [midnight, midnight + 1, midnight + 5]) == [midnight]
    assert split_buckets(HOUR, [midnight - 900_000, midnight + 7_200_000]) == [midnight - 3_600_000]


def test_stalled_runs_matter_where_they_are_told_from_running_ones() -> None:
    def tells(
        *measures: str, by: tuple[str, ...] = (), filters: tuple[Filter, ...] = (), **scoped: tuple[str, ...]
    ) -> object:
        steps = make_steps(START, START + timedelta(days=2), ZoneInfo("UTC"), "none")
        asked = scope(**scoped)
        parameters = compose(Question(measures, steps, by, filters), asked, LIMITS).parameters
        cut_off = unix_ms(asked.stalled_before) if parameters["tells_stalled"] else NOBODY_STALLED_MS
        assert parameters["stalled_before_ms"] == cut_off
        return parameters["tells_stalled"]

    assert tells("runs") == tells("success_rate", "errors", "handoff_rate") == tells("runs", by=("has_error",)) == 0
    assert tells("cost_per_success_usd") == tells("runs", status=("failed", "queued")) == 0
    assert tells("running") == tells("stalled") == tells("runs", by=("status",)) == 1
    assert tells("runs", status=("running",)) == tells("runs", status=("failed", "stalled")) == 1
    operators: tuple[Operator, ...] = ("in", "not_in")
    for operator in operators:
        assert tells("runs", filters=(Filter("status", operator, ("failed", "timed_out")),)) == 0
        assert tells("runs", filters=(Filter("status", operator, ("failed", "running")),)) == 1
    assert tells("runs", filters=(Filter("status", "contains", ("failed",)),)) == 1


def test_the_columns_of_a_scopes_filters() -> None:
    assert filter_columns(RunFilters()) == ()
    asked = RunFilters(("w",), ("a",), ("m",), ("failed",), (), ("prod",), root_only=True)
    assert set(filter_columns(asked)) == {"model", "status", "environment", "is_root"}
    assert filter_columns(RunFilters(status=("failed", "running"))) == ("shown_status",)
