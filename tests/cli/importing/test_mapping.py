"""From a row to a snapshot: what each entry of a map does, and why a row is rejected."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from cli.importing.mapped import mapped, refused, run_map, snapshot
from hypothesis import given
from hypothesis import strategies as st
from runtally.events import RunSnapshot
from runtally.violations import InvalidEvent
from runtally_cli.importing.compiling import compile_map
from runtally_cli.importing.map_file import read_map
from runtally_cli.importing.mapping import RunMap

MAPS = Path(__file__).parent / "maps"


@pytest.mark.parametrize(
    ("row", "run_id"),
    [
        ('{"id": 5}', "5"),
        ('{"id": "5"}', "5"),
        ('{"id": 5.0}', "5"),
        ('{"id": 5e0}', "5"),
        ('{"id": "5.0"}', "5.0"),  # text is text
        ('{"id": 1.50}', "1.5"),
        ('{"id": 123456789012345678901234567890}', "123456789012345678901234567890"),
        ('{"id": true}', "true"),
        ('{"id": "007"}', "007"),
    ],
)
def test_ids_become_text(row: str, run_id: str) -> None:
    assert mapped("run_id", "id", row) == run_id


@pytest.mark.parametrize("row", ['{"id": null}', '{"id": ""}', '{"id": " "}'])
def test_an_id_that_is_missing(row: str) -> None:
    assert refused("run_id", "id", row) == (
        "is required, and `id` gives null; name what the row has; a constant is written {const: value}"
    )


def test_an_id_that_is_no_text() -> None:
    assert refused("run_id", "id", '{"id": NaN}').startswith("must be text, got NaN; list it in null_values")
    assert refused("run_id", "id", '{"id": {"a": 1}}').startswith("must be text, got an object")


OUTCOMES = "{from: outcome, values: {completed: succeeded, true: succeeded, 1: succeeded, 0: failed, default: unknown}}"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ('"completed"', "succeeded"),
        ("true", "succeeded"),
        ('"True"', "succeeded"),
        ("1", "succeeded"),
        ("1.0", "succeeded"),
        ('"1"', "succeeded"),
        ('"1.0"', "succeeded"),
        ("0", "failed"),
        ("0.0", "failed"),
        ("false", "unknown"),
        ('"huh"', "unknown"),
        ("null", "unknown"),
        ('""', "unknown"),
        ("NaN", "unknown"),
        ("[1]", "unknown"),
    ],
)
def test_outcomes_are_translated(outcome: str, status: str) -> None:
    assert mapped("status", OUTCOMES, f'{{"outcome": {outcome}}}') == status


def test_an_outcome_without_a_translation() -> None:
    entry = "{from: outcome, values: {yes: succeeded, no: failed}}"
    assert mapped("status", entry, '{"outcome": "no"}') == "failed"  # a word, although YAML 1.1 has it for false
    assert refused("status", entry, '{"outcome": "huh"}') == (
        "has no meaning in the map: got 'huh'; add it to `values` of status, or a `default`"
    )
    assert refused("status", entry, '{"outcome": null}').startswith("is required")
    with_null = "{from: outcome, values: {null: cancelled, default: unknown}}"
    assert mapped("status", with_null, '{"outcome": null}') == "cancelled"


def test_a_default_is_not_for_what_is_absent_where_absence_is_fine() -> None:
    entry = "{from: error, values: {usageLimits: rate_limit, default: other}}"
    assert mapped("error_category", entry, '{"error": "boom"}') == "other"
    assert mapped("error_category", entry, '{"error": null}') == ""


@pytest.mark.parametrize(
    ("field", "entry", "row", "value"),
    [
        ("input_tokens", "n", '{"n": "12"}', 12),
        ("input_tokens", "n", '{"n": " 12.0 "}', 12),
        ("input_tokens", "n", '{"n": 12.0}', 12),
        ("input_tokens", "n", '{"n": ""}', None),
        ("input_tokens", "n", "{}", None),
        ("input_tokens", "{const: 7}", "{}", 7),
        ("input_tokens", "7", "{}", 7),
        ("input_tokens", "sum([i, c])", '{"i": null, "c": null}', None),
        ("cost_usd", "c", '{"c": "0.10000000000000001"}', Decimal("0.100000000")),
        ("cost_usd", "c", '{"c": 0.49402799999999980}', Decimal("0.494028")),
        ("cost_usd", "c", '{"c": ".5"}', Decimal("0.5")),
        ("cost_usd", "c", '{"c": 2e-9}', Decimal("0.000000002")),
        ("duration_ms", "d", '{"d": 1500}', 1500),
        ("duration_ms", "d", '{"d": 9621.5}', 9622),
        ("duration_ms", "{from: d, unit: s}", '{"d": 1.0005}', 1000),  # half to even
        ("duration_ms", "{from: d, unit: s}", '{"d": "1.0015"}', 1002),
        ("duration_ms", "{from: d, unit: min}", '{"d": 2}', 120_000),
        ("duration_ms", "{from: d, unit: us}", '{"d": 2500}', 2),
        ("duration_ms", "{from: d, unit: s}", '{"d": null}', None),
        ("recovered", "r", '{"r": "True"}', True),
        ("recovered", "r", '{"r": false}', False),
        ("recovered", "{from: r, values: {1: true, 0: false}}", '{"r": 0}', False),
        ("model", "m", '{"m": 4.5}', "4.5"),
        ("model", "\"'gpt-4o'\"", "{}", "gpt-4o"),
        ("model", "{const: gpt-4o}", "{}", "gpt-4o"),
        ("model", "'\"Model Name\"'", '{"Model Name": "m"}', "m"),
        ("tags", "labels", '{"labels": {"a": 1, "b": null, "c": true}}', {"a": "1", "c": "true"}),
        ("tags", "{a: x, from: y, c: {const: k}, d: gone}", '{"x": 1, "y": "z"}', {"a": "1", "from": "z", "c": "k"}),
    ],
)
def test_values_are_typed_by_their_field(field: str, entry: str, row: str, value: object) -> None:
    assert mapped(field, entry, row) == value


@pytest.mark.parametrize(
    ("field", "entry", "row", "reason"),
    [
        ("input_tokens", "n", '{"n": -1}', "must be an integer >= 0, got -1; send null when unknown"),
        ("input_tokens", "n", '{"n": 1.5}', "must be an integer >= 0, got 1.5"),
        ("input_tokens", "n", '{"n": "1,234"}', "must be an integer >= 0, got '1,234'"),
        ("input_tokens", "n", '{"n": true}', "must be an integer >= 0, got true"),
        ("cost_usd", "c", '{"c": NaN}', "got NaN; list it in null_values when it means unknown"),
        ("cost_usd", "c", '{"c": "$1"}', "must be a number or a decimal string >= 0, got '$1'"),
        ("duration_ms", "{from: d, unit: s}", '{"d": -0.5}', "must be an integer >= 0, got -500"),
        ("error_type", "e", '{"e": ["x"]}', "must be text, got a list"),
        ("tool_calls", "length(n)", '{"n": 5}', "cannot be computed: length() takes a list"),
        ("tags", "labels", '{"labels": [1]}', "must be an object of strings, got a list"),
    ],
)
def test_values_that_are_refused(field: str, entry: str, row: str, reason: str) -> None:
    assert reason in refused(field, entry, row)


def test_all_reasons_of_a_row_are_told_at_once() -> None:
    compiled = run_map("cost_usd: c\ninput_tokens: n\nfinished_at: f")
    with pytest.raises(InvalidEvent) as caught:
        snapshot(compiled, '{"c": -1, "n": "x", "f": "2026-11-21T10:00:00Z"}')
    assert [violation.field for violation in caught.value.violations] == ["input_tokens", "cost_usd"]


def test_null_values_are_null_everywhere_in_the_row() -> None:
    compiled = run_map('null_values: [N/A, "-", -1, NaN]\ncost_usd: c\ninput_tokens: sum(parts)\nmodel: m.name')
    found = snapshot(compiled, '{"c": "N/A", "parts": [-1, 5, "-1", "-1.0", NaN], "m": {"name": "-"}}')
    assert (found.cost_usd, found.input_tokens, found.model) == (None, 5, "")


@pytest.mark.parametrize("option", ["[cost_usd]", "[total_cost]", "cost_usd", "true"])
def test_zero_is_unknown(option: str) -> None:
    compiled = run_map(f"cost_usd: total_cost\nretries: retries\nzero_is_unknown: {option}")
    found = snapshot(compiled, '{"total_cost": "0.00", "retries": 0}')
    assert found.cost_usd is None
    assert found.retries == (None if option == "true" else 0)
    assert mapped("cost_usd", "{from: c, zero_is_unknown: true}", '{"c": 0}') is None


def test_updated_at_follows_from_the_row_and_never_from_the_clock() -> None:
    times = '{"start": "2026-11-21T09:00:00Z", "end": "2026-11-21T09:30:00Z", "seen": "2026-11-21T10:00:00Z"}'
    started = run_map("started_at: start", less="started_at")
    finished = run_map("started_at: start\nfinished_at: end", less="started_at")
    seen = run_map("started_at: start\nfinished_at: end\nupdated_at: seen", less="started_at")
    found = [snapshot(compiled, times).updated_at.strftime("%H:%M") for compiled in (started, finished, seen)]
    assert found == ["09:00", "09:30", "10:00"]
    assert snapshot(seen, times.replace("seen", "x")).updated_at.strftime("%H:%M") == "09:30"
    minted = snapshot(run_map(less="started_at"), '{"id": "0193a5c0-7b1e-7c3f-9a51-2f0c6f3f1a10"}')
    assert minted.updated_at == minted.start


def test_a_start_that_is_missing_or_out_of_range() -> None:
    compiled = run_map("started_at: {from: t, time: epoch_ms}", less="started_at")
    for row, reason in (("{}", "is required"), ('{"t": 0}', "must lie in the years 2015 to 2100")):
        with pytest.raises(InvalidEvent) as caught:
            snapshot(compiled, row)
        (violation,) = caught.value.violations  # not once more as an updated_at that the map does not name
        assert violation.field == "started_at"
        assert reason in violation.message


def test_rows_that_are_no_objects_or_repeat_a_key() -> None:
    for row, reason in (("[1]", "the row must be an object"), ('{"id": 1, "id": 2}', "id stands twice in the row")):
        with pytest.raises(InvalidEvent, match=reason):
            snapshot(run_map(), row)


def test_a_row_that_is_nested_too_deeply_costs_no_other() -> None:
    deep = '{"deep": ' + "[" * 900 + "]" * 900 + "}"
    with pytest.raises(InvalidEvent, match="nested too deeply"):
        snapshot(run_map("null_values: [x]"), deep)


def test_a_status_that_needs_a_translation() -> None:
    assert "translate it in the map" in refused("status", "outcome", '{"outcome": "done"}')


def test_a_row_with_too_many_tags() -> None:
    row = json.dumps({f"k{number}": "x" for number in range(40)})
    with pytest.raises(InvalidEvent, match="must hold at most 32 entries"):
        snapshot(run_map('tags: "merge(@)"'), row)


def test_fields_that_no_row_knew_are_remembered() -> None:
    compiled = run_map("cost_usd: costUsdd\nmodel: model")
    snapshot(compiled, '{"model": null}')
    snapshot(compiled, '{"model": "m"}')
    assert [(item.name, item.source) for item in compiled.never_known()] == [("cost_usd", "costUsdd")]


JsonValues = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
_METR = compile_map(read_map(MAPS / "metr.yaml"))
_TAU = compile_map(read_map(MAPS / "tau_bench.yaml"))
_VEXP = compile_map(read_map(MAPS / "vexp_swebench.yaml"))
_NAMES = ("run_id", "alias", "score_binarized", "started_at", "completed_at", "task_id", "trial", "traj", "reward")
_MORE = ("instanceId", "agent", "timestamp", "resolved", "toolCalls", "costUsd", "inputTokens", "info")


@given(st.dictionaries(st.sampled_from(_NAMES + _MORE), JsonValues))
def test_any_row_is_a_snapshot_or_is_refused_and_always_the_same(row: dict[str, object]) -> None:
    for compiled in (_METR, _TAU, _VEXP):
        first, second = _outcome(compiled, row), _outcome(compiled, row)
        assert first == second
        assert first


def _outcome(compiled: RunMap, row: dict[str, object]) -> bytes:
    try:
        return compiled.snapshot(row).message_value()
    except InvalidEvent as error:
        return str(error).encode("utf-8", "surrogatepass")


def test_a_snapshot_is_the_contracts() -> None:
    assert isinstance(snapshot(run_map(), "{}"), RunSnapshot)
