"""What each field of the contract accepts and refuses, value by value."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from producer.samples import FEEDBACK, LIFECYCLE, RUN
from runtally.events import AgentLifecycle, Event, RunFeedback, RunSnapshot
from runtally.violations import InvalidEvent, validate_event

COUNTS = [
    "duration_ms",
    "queue_ms",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "llm_calls",
    "tool_calls",
    "files_modified",
    "retries",
    "recovery_ms",
]
LABELS = [
    "agent_name",
    "provider",
    "model",
    "agent_version",
    "environment",
    "trigger",
    "user_id",
    "session_id",
    "trace_id",
    "parent_run_id",
    "price_version",
    "error_type",
    "error_severity",
    "error_category",
]
INSTANTS = ["updated_at", "started_at", "finished_at", "handed_off_at"]
MICRO = timedelta(microseconds=1)


def read(name: str, value: object, model: type[Event] = RunSnapshot, good: dict[str, Any] = RUN) -> object:
    return getattr(validate_event(model, good | {name: value}), name)


def refused(name: str, value: object, model: type[Event] = RunSnapshot, good: dict[str, Any] = RUN) -> str:
    with pytest.raises(InvalidEvent) as raised:
        validate_event(model, good | {name: value})
    violation = raised.value.violations[0]
    assert violation.field == name
    assert violation.remedy
    return violation.message


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (5, 5), (1.0, 1), (Decimal("1.0"), 1), (Decimal("1e3"), 1000), (2**53 - 1, 2**53 - 1), (None, None)],
)
def test_counts_accept_integral_numbers(name: str, value: object, expected: object) -> None:
    assert read(name, value) == expected


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize(
    "value", [-1, -0.5, 1.5, "5", True, 2**53, Decimal("1e400"), float("nan"), float("inf"), [1], {"a": 1}], ids=str
)
def test_counts_refuse_everything_else(name: str, value: object) -> None:
    assert refused(name, value).startswith("must be")


@pytest.mark.parametrize("name", LABELS)
def test_labels_hold_256_characters(name: str) -> None:
    assert read(name, "ü" * 256) == "ü" * 256
    assert read(name, None) == ""
    assert read(name, "") == ""
    assert "256" in refused(name, "x" * 257)
    assert "string" in refused(name, 5)
    assert "surrogate" in refused(name, "\ud800")


@pytest.mark.parametrize("name", ["run_id", "workspace_id", "agent_id"])
def test_identifiers_hold_1_to_128_characters(name: str) -> None:
    assert read(name, "x" * 128) == "x" * 128
    for wrong in ("", "x" * 129, None, 5, True, ["a"]):
        assert "1 to 128" in refused(name, wrong)


@pytest.mark.parametrize("name", INSTANTS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T09:00:00Z", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21t09:00:00z", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21 09:00:00+00:00", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21T10:30:00+01:30", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21T05:00:00.5-04:00", datetime(2026, 11, 21, 9, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-21T09:00:00.123456999Z", datetime(2026, 11, 21, 9, 0, 0, 123_456, tzinfo=UTC)),
        ("2015-01-01T00:00:00Z", datetime(2015, 1, 1, tzinfo=UTC)),
        ("2100-12-31T23:59:59.999999Z", datetime(2101, 1, 1, tzinfo=UTC) - MICRO),
        ("2101-01-01T00:30:00+01:00", datetime(2100, 12, 31, 23, 30, tzinfo=UTC)),
    ],
)
def test_instants_are_read_into_utc(name: str, text: str, expected: datetime) -> None:
    assert read(name, text) == expected
    instant = read(name, text)
    assert isinstance(instant, datetime)
    assert instant.tzinfo is UTC


@pytest.mark.parametrize("name", INSTANTS)
@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21T09:00:00",
        "2026-11-21",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T09:00:60Z",
        "2026-11-21T09:00:00+24:00",
        "2014-12-31T23:59:59Z",
        "2101-01-01T00:00:00Z",
        "2015-01-01T00:30:00+01:00",
        "0001-01-01T00:00:00+23:00",
        "٢٠٢٦-11-21T09:00:00Z",
        1732179600,
        1732179600000.0,
        True,
        "",
    ],
    ids=str,
)
def test_instants_need_a_zone_a_real_date_and_a_plausible_year(name: str, value: object) -> None:
    assert refused(name, value).startswith("must")


def test_an_instant_may_be_a_datetime_with_a_zone() -> None:
    berlin = timezone(timedelta(hours=1))
    assert read("updated_at", datetime(2026, 11, 21, 10, tzinfo=berlin)) == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert "zone" in refused("updated_at", datetime(2026, 11, 21, 10))


@pytest.mark.parametrize("name", ["cost_usd", "credits"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        ("0.001", "0.001"),
        (0.1, "0.1"),
        (1, "1"),
        (Decimal("1.005"), "1.005"),
        ("1e-3", "0.001"),
        ("+2", "2"),
        ("-0", "0"),
        ("999999999.999999999", "999999999.999999999"),
        # half-even on the tenth decimal, from the text
        ("0.0000000005", "0"),
        ("0.0000000015", "0.000000002"),
        ("0.0000000025", "0.000000002"),
        ("0.00000000250000000000000000000000000000001", "0.000000003"),
        ("1.00000000049999999999999999999999999999999", "1"),
        ("1e-999999", "0"),
        (None, None),
    ],
)
def test_money_is_rounded_half_even_to_nine_decimals(name: str, value: object, expected: str | None) -> None:
    amount = read(name, value)
    assert amount == (None if expected is None else Decimal(expected))
    assert amount is None or not str(amount).startswith("-")


@pytest.mark.parametrize("name", ["cost_usd", "credits"])
@pytest.mark.parametrize(
    "value",
    [
        "-0.01",
        -1,
        1e9,
        "1000000000",
        "999999999.9999999996",
        "1e999999999",
        "1e9999999999",
        "NaN",
        "Infinity",
        float("nan"),
        float("-inf"),
        "1,5",
        "1_000",
        " 1",
        "",
        "$1",
        "٣",
        True,
        [1],
        {},
    ],
    ids=str,
)
def test_money_refuses_what_is_no_amount_below_a_billion(name: str, value: object) -> None:
    assert refused(name, value).startswith("must be")


@pytest.mark.parametrize(("name", "default"), [("recovered", None), ("deleted", False)])
def test_flags_are_booleans_only(name: str, default: object) -> None:
    assert read(name, True) is True
    assert read(name, False) is False
    assert read(name, None) is default
    for wrong in (0, 1, "true", "", 0.0):
        assert "true or false" in refused(name, wrong)


@pytest.mark.parametrize("status", ["queued", "running", "succeeded", "failed", "cancelled", "timed_out", "unknown"])
def test_the_seven_statuses(status: str) -> None:
    assert read("status", status) == status


@pytest.mark.parametrize("wrong", ["", "Succeeded", "done", None, 1, True, ["failed"]], ids=str)
def test_no_other_status(wrong: object) -> None:
    assert "succeeded" in refused("status", wrong)


def test_cost_sources() -> None:
    for source in ("reported", "inferred", "unknown", None):
        assert read("cost_source", source) == source
    assert refused("cost_source", "guessed")


def test_tags_are_few_short_strings() -> None:
    most = {f"{n:064}": "ü" * 256 for n in range(32)}
    assert read("tags", most) == most
    assert read("tags", None) == {}
    wrongs: tuple[object, ...] = (
        {f"{n}": "" for n in range(33)},
        {"x" * 65: ""},
        {"": ""},
        {"a": "x" * 257},
        {"a": 1},
        {"a": None},
        {"a": "\udfff"},
        {"\udfff": "a"},
        [],
        "a=b",
    )
    for wrong in wrongs:
        assert refused("tags", wrong)


def test_a_message_is_cut_to_4_kib_between_characters() -> None:
    assert read("error_message", "x" * 5000) == "x" * 4096
    cut = read("error_message", "x" + "ü" * 4000)
    assert cut == "x" + "ü" * 2047
    assert read("error_message", None) == ""
    assert refused("error_message", 5)


def test_ratings_are_whole_stars() -> None:
    for stars in (1, 2, 3, 4, 5, 4.0):
        assert read("rating", stars, RunFeedback, FEEDBACK) == stars
    for wrong in (0, 6, 3.5, "5", None, True):
        assert "1 to 5" in refused("rating", wrong, RunFeedback, FEEDBACK)


def test_a_score_is_a_finite_number() -> None:
    assert read("sentiment_score", Decimal("-0.25"), RunFeedback, FEEDBACK) == -0.25
    assert read("sentiment_score", None, RunFeedback, FEEDBACK) is None
    for wrong in ("0.5", float("nan"), Decimal("1e400"), True):
        assert refused("sentiment_score", wrong, RunFeedback, FEEDBACK)


def test_a_state_is_required_and_its_past_is_not() -> None:
    assert refused("to_state", "", AgentLifecycle, LIFECYCLE)
    assert read("from_state", None, AgentLifecycle, LIFECYCLE) == ""
