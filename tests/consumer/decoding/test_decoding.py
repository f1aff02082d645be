"""What the decoders promise beside equality with the model."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from runtally.events import RunSnapshot
from runtally.identity import is_uuid7
from runtally_consumer.decoding import DECODERS, coalesce, decode_runs
from runtally_consumer.decoding.batch import MAX_UNKNOWN_NAMES, OTHER_UNKNOWN_FIELDS, bounded
from runtally_consumer.decoding.column_checks import PLAIN_INSTANT
from runtally_consumer.decoding.reference import ReferenceReader
from runtally_consumer.decoding.run_fields import COLUMN_FIELDS, FIELDS
from runtally_consumer.decoding.run_keys import parse_uuid7
from runtally_consumer.decoding.versions import (
    ENDED,
    RUNNING,
    content_hash,
    content_hashes,
    run_version,
    run_versions,
    version_words,
)

RUN = {
    "run_id": "01a0c450-6c00-7226-b63c-5ab791b7584a",
    "workspace_id": "acme",
    "agent_id": "planner",
    "status": "succeeded",
    "updated_at": "2026-09-21T14:13:22.000001Z",
}


def _value(**changes: object) -> bytes:
    return json.dumps(RUN | changes).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"run_id": "given-by-us", "started_at": "2026-09-21T14:13:20Z", "finished_at": "2026-09-21T14:13:21Z"},
        {"cost_usd": 0.30000000000000004, "credits": "12"},
        {"input_tokens": 12.0, "duration_ms": 1e3},
        {"model": None, "tags": None, "input_tokens": None, "recovered": None},
        {"hostname": "h1", "attempt": 3, "resource": {"cpu": 1, "labels": ["a"]}},
        {"error_message": 'C:\\temp: "file" not found\n' * 400},
        {"error_message": '{"code": 400, "message": "too long: 3 > 2"}', "resource": {"name": 'a":b'}},
        {"error_message": "HTTP : 503"},
        {"updated_at": "2026-09-21T16:13:22.123456789+02:00"},
        {"tags": {"team": "é", "path": "C:\\"}},
    ],
)
def test_what_senders_usually_write_needs_no_model(changes: dict[str, object]) -> None:
    with patch.object(ReferenceReader, "read", side_effect=AssertionError("asked the model")):
        assert decode_runs([_value(**changes)] * 3 + [_value()]).accepted == 4


def test_every_field_of_the_model_has_a_kind() -> None:
    assert COLUMN_FIELDS | {"tags"} == FIELDS == set(RunSnapshot.model_fields)


def test_an_empty_batch_and_a_batch_without_a_good_message() -> None:
    for decoder in DECODERS.values():
        for values in ([], [None, b"null", b"{}"]):
            decoded = decoder.decode(values)
            assert decoded.table.schema.equals(decoder.schema)
            assert (decoded.accepted, len(decoded.rejected)) == (0, len(values))


def test_a_tombstone_is_told_how_runs_are_deleted() -> None:
    (rejected,) = decode_runs([None]).rejected
    assert "tombstone" in rejected.violations[0].message
    assert "deleted" in rejected.violations[0].remedy


def test_unknown_fields_are_counted_for_accepted_messages_only() -> None:
    values = [_value(hostname="a"), _value(hostname=None), _value(hostname={"a": 1}), _value(status="?", hostname=1)]
    assert decode_runs([*values, _value(attempt=1)]).unknown_fields == Counter(hostname=3, attempt=1)


def test_unknown_names_are_bounded() -> None:
    names = Counter({f"name-{at:04}": 2 if at == 777 else 1 for at in range(1000)} | {"\ud800" + "x" * 900: 5})
    shown = bounded(names)
    assert len(shown) == MAX_UNKNOWN_NAMES + 1
    assert (shown["name-0777"], shown["?" + "x" * 63]) == (2, 5)
    assert shown[OTHER_UNKNOWN_FIELDS] == names.total() - 2 - 5 - 98


def test_versions_of_columns_are_those_of_one_run() -> None:
    values = [b"a", b"b", b"c", b"d"]
    updated = datetime(2100, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    micros = np.full(4, (updated - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
    statuses, deleted = ["queued", "running", "unknown", "failed"], [False, True, False, True]
    ranks = np.array([0, RUNNING, ENDED, ENDED], dtype=np.uint64)
    hashes = content_hashes(values)
    assert hashes.tolist() == [content_hash(value) for value in values]
    column = run_versions(ranks, np.array(deleted), micros, hashes)
    expected = [
        run_version(*item, updated, value)
        for item, value in zip(zip(statuses, deleted, strict=True), values, strict=True)
    ]
    assert [int.from_bytes(item.as_py(), "little") for item in column] == expected
    high, low = version_words(column.slice(1))
    assert [int(a) << 64 | int(b) for a, b in zip(high, low, strict=True)] == expected[1:]


def test_version_bits() -> None:
    at = datetime(2026, 9, 21, tzinfo=UTC)
    ranks = [run_version(status, False, at, b"") >> 125 for status in ("queued", "running", "cancelled")]
    assert ranks == [0b000, 0b001, 0b010]
    assert run_version("queued", True, at, b"") >> 125 == 0b100
    assert run_version("queued", False, at, b"") >> 64 == int(at.timestamp()) * 10**6


def test_coalescing_keeps_workspaces_apart_and_the_order() -> None:
    values = [
        _value(),
        _value(workspace_id="other"),
        _value(updated_at="2026-09-21T14:13:23Z"),
        _value(run_id="x", started_at="2026-09-21T14:13:20Z"),
        _value(workspace_id="other"),
    ]
    decoded = decode_runs(values)
    table, rows = coalesce(pa.concat_tables([decoded.table.slice(0, 2), decoded.table.slice(2)]), decoded.rows)
    assert decoded.accepted == 5
    assert rows.tolist()[1:] == [2, 3] or rows.tolist() == [2, 3, 4]
    assert table["workspace_id"].to_pylist() == [json.loads(values[row])["workspace_id"] for row in rows]


def test_plain_instants_are_of_days_that_exist() -> None:
    texts, exist = [], []
    for year in range(2013, 2103):
        for month in range(14):
            for day in range(33):
                texts.append(f"{year}-{month:02}-{day:02}T00:00:00Z")
                exist.append(2014 <= year <= 2101 and _exists(year, month, day))
    assert pc.match_substring_regex(pa.array(texts), PLAIN_INSTANT).to_pylist() == exist


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def test_uuid7_by_column_is_uuid7_by_text() -> None:
    good = RUN["run_id"]
    texts = [good, good.upper(), "", "x"]
    for at in range(36):
        texts += [good[:at] + letter + good[at + 1 :] for letter in "0789abcfgAFG-_ \x00/:@`"]
    for column in (pa.array(texts), pa.array([None, *texts]).slice(1), pa.array([good] * 3 + [good.upper()])):
        keys, found = parse_uuid7(column)
        assert found.tolist() == [is_uuid7(text) for text in column.to_pylist()]
        for key, text, is_key in zip(keys, column.to_pylist(), found, strict=True):
            assert key.tobytes().hex() == (text.replace("-", "").lower() if is_key else "00" * 16)
