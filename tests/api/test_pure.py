"""Formats, folding, names and cursors: the arithmetic between the store and the answer. Pure."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtally.events import EVENTS, RunSnapshot
from runtally_api.folding import STATUSES, add_up, agent_totals, runs_per_day, split_busiest, totals
from runtally_api.formats import instant, money, ratio, shortened
from runtally_api.ingestion import NDJSON, id_field, read_items, take_in
from runtally_api.meta import hides_failures
from runtally_api.problems import InvalidRequest, Problem
from runtally_api.run_rows import Cursor
from runtally_api.usage import model_name
from runtally_clickhouse.catalogue import LAST_INSTANT, RunFilters, unix_ms

Rows = Sequence[dict[str, Any]]
COUNTS = [*STATUSES, "runs", "root_runs", "known_durations", "known_tokens", "known_costs"]
SUMS = ["duration_ms", "input_tokens", "output_tokens", "total_tokens"]
AGENT_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            **dict.fromkeys(COUNTS, st.integers(0, 10**6)),
            **dict.fromkeys(SUMS, st.none() | st.integers(0, 2**80)),
            "cost_usd": st.none() | st.integers(0, 10**20).map(lambda nanos: Decimal(nanos) / 10**9),
            "workspace_id": st.sampled_from("ab"),
            "agent_id": st.sampled_from("pqr"),
            "agent_name": st.just(""),
        }
    ),
    max_size=6,
    unique_by=lambda row: (row["workspace_id"], row["agent_id"]),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 11, 21, 9), "2026-11-21T09:00:00Z"),
        (datetime(2026, 11, 21, 9, 0, 0, 120000, tzinfo=UTC), "2026-11-21T09:00:00.120Z"),
        (datetime(2026, 11, 21, 9, 0, 0, 1, tzinfo=UTC), "2026-11-21T09:00:00.000001Z"),
        (datetime(2026, 11, 21, 9, tzinfo=timezone(timedelta(hours=5, minutes=45))), "2026-11-21T03:15:00Z"),
        (None, None),
    ],
)
def test_instants(value: datetime | None, text: str | None) -> None:
    assert instant(value) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.310000000", "0.31"),
        ("7", "7"),
        ("100", "100"),
        ("0E-9", "0"),
        ("0.000000001", "0.000000001"),
        ("12345678901234567890.100000000", "12345678901234567890.1"),
    ],
)
def test_money(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


def test_small_formats() -> None:
    assert money(None) is None
    assert (ratio(1, 4), ratio(0, 4), ratio(0, 0)) == (0.25, 0.0, None)
    assert shortened("x" * 100) == "x" * 100
    assert shortened("🤖" * 101) == "🤖" * 100 + "…"


@pytest.mark.parametrize(
    ("model_id", "name"),
    [
        ("models/llama-2-7b_chat.gguf", "Llama 2 7B Chat"),
        ("gpt-4o", "Gpt 4O"),
        ("weights/x.bin", "X"),
        ("org/model/", "Model"),
        ("", ""),
        ("/", ""),
        ("claude_sonnet-4", "Claude Sonnet 4"),
    ],
)
def test_model_names(model_id: str, name: str) -> None:
    assert model_name(model_id) == name


@given(rows=AGENT_ROWS, limit=st.integers(1, 7))
def test_folding_loses_nothing(rows: Rows, limit: int) -> None:
    listed, rest = split_busiest(rows, limit)
    entries = agent_totals(listed, rest)
    whole = totals(add_up(rows))
    assert len(entries) == min(len(rows), limit) + bool(rest)
    assert [entry.get("other", False) for entry in entries] == [False] * len(listed) + [True] * bool(rest)
    assert sum(entry["runs"] for entry in entries) == whole["runs"]
    for name in ("input_tokens", "total_tokens"):
        known = [entry[name] for entry in entries if entry[name] is not None]
        assert whole[name] == (sum(known) if known else None)
    costs = [Decimal(entry["cost_usd"]) for entry in entries if entry["cost_usd"] is not None]
    assert (None if whole["cost_usd"] is None else Decimal(whole["cost_usd"])) == (sum(costs) if costs else None)


def test_days_are_dense_and_the_others_one_row() -> None:
    days = {0: date(2026, 11, 20), 1: date(2026, 11, 21)}
    cell = {"workspace_id": "a", "runs": 2, "succeeded": 1, "failed": 1, "cost_usd": Decimal("0.1")}
    rows = [{**cell, "agent_id": name, "day_start_ms": start} for name, start in (("p", 0), ("q", 1), ("r", 1))]
    listed = [{"workspace_id": "a", "agent_id": "p"}]
    found = runs_per_day(rows, listed, days, with_other=True)
    assert [(row["date"], row["agent_id"], row["runs"], row["cost_usd"]) for row in found] == [
        ("2026-11-20", "p", 2, "0.1"),
        ("2026-11-20", None, 0, None),
        ("2026-11-21", "p", 0, None),
        ("2026-11-21", None, 4, "0.2"),
    ]
    assert runs_per_day([], [], days, with_other=False) == []


@pytest.mark.parametrize(
    ("statuses", "hidden"), [((), False), (("failed", "timed_out", "queued"), False), (("timed_out",), True)]
)
def test_which_filters_hide_failures(statuses: tuple[str, ...], hidden: bool) -> None:
    assert hides_failures(RunFilters(status=statuses)) is hidden


@given(
    started=st.integers(0, unix_ms(LAST_INSTANT)),
    key=st.uuids(),
    workspace=st.text(st.characters(exclude_categories=["Cs"]), max_size=128),
)
def test_a_cursor_comes_back_as_it_went(started: int, key: UUID, workspace: str) -> None:
    cursor = Cursor(started, key, workspace)
    text = cursor.encode()
    assert Cursor.decode(text) == cursor
    assert text.isascii()
    assert set(text) & set("+/=&?# ") == set()


@given(text=st.text(max_size=200) | st.binary(max_size=60).map(lambda b: b.hex()))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        Cursor.decode(text)


def test_the_field_that_names_an_event() -> None:
    assert [id_field(model) for model in EVENTS] == ["run_id", "feedback_id", "event_id", "event_id"]


@given(body=st.binary(max_size=300) | st.text(max_size=100).map(str.encode), lines=st.booleans())
def test_any_bytes_are_items_or_a_problem(body: bytes, lines: bool) -> None:
    try:
        items = read_items(body, NDJSON if lines else "application/json")
    except Problem:
        assert not lines, "a line of NDJSON costs no other"
        return
    intake = take_in(RunSnapshot, items, datetime(2026, 11, 21, tzinfo=UTC), len(body))
    assert len(intake.accepted) + intake.rejected == len(items)
    refused = {error["index"] for error in intake.errors}
    assert refused == set(range(len(items))) - {accepted.index for accepted in intake.accepted}
