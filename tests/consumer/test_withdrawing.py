"""What is taken out of a batch: compared, row by row, with the rule said plainly."""

import dataclasses

import pyarrow as pa
import pytest
from consumer.samples import ACTIVITY, FEEDBACK, LIFECYCLE, RUNS, START, StoredRecord, run_value
from hypothesis import example, given
from hypothesis import strategies as st
from runtally_clickhouse.withdrawals import Subject, Withdrawals, user_hash
from runtally_consumer.decoding import DECODERS, Decoded
from runtally_consumer.withdrawing import names_erased, withdraw

START_MS = int(START.timestamp()) * 1000
HOUR_MS = 3_600_000
USERS = ("", "ann", "bob", "café")
WORKSPACES = ("acme", "beta")
subjects = st.builds(
    Subject,
    st.sampled_from([(), ("acme",), ("beta",), WORKSPACES]),
    st.sampled_from([user_hash("ann"), user_hash("café")]),
    st.integers(START_MS, START_MS + 2 * HOUR_MS),
) | st.builds(
    Subject, st.sampled_from([("acme",), ("nobody",)]), st.just(""), st.integers(START_MS, START_MS + HOUR_MS)
)
runs = st.tuples(st.integers(0, 120), st.sampled_from(USERS), st.sampled_from(WORKSPACES))


def decoded(rows: list[tuple[int, str, str]]) -> Decoded:
    values = [run_value(minute, user_id=user, workspace_id=workspace) for minute, user, workspace in rows]
    return DECODERS[RUNS].decode(values)


@given(st.lists(runs, max_size=30), st.lists(subjects, max_size=4), st.none() | st.integers(0, 120))
@example([(0, "ann", "acme"), (0, "ann", "beta")], [Subject(("acme",), user_hash("ann"), START_MS + HOUR_MS)], None)
@example([(0, "ann", "acme"), (59, "ann", "acme")], [Subject((), user_hash("ann"), START_MS + 60_000)], None)
@example([(0, "ann", "acme"), (59, "ann", "acme")], [Subject(("acme",), "", START_MS + 60_000)], 0)
@example([(0, "ann", "acme"), (59, "ann", "acme")], [Subject((), user_hash("ann"), START_MS + HOUR_MS)], 30)
def test_each_row_is_kept_blank_or_gone_by_itself(
    rows: list[tuple[int, str, str]], erased: list[Subject], horizon: int | None
) -> None:
    before_ms = None if horizon is None else START_MS + horizon * 60_000
    batch = decoded(rows)
    known = Withdrawals(tuple(erased), {} if before_ms is None else {"agent_runs": before_ms})
    result = withdraw("agent_runs", batch, known)
    retired, blank = set(), set()
    for at, (minute, user, workspace) in enumerate(rows):
        at_ms = START_MS + minute * 60_000
        if before_ms is not None and at_ms < before_ms:
            retired.add(at)
        elif any(
            at_ms < one.before_ms
            and (not one.workspaces or workspace in one.workspaces)
            and (not one.user_hash or (user and user_hash(user) == one.user_hash))
            for one in erased
        ):
            blank.add(at)
    kept = set(range(len(rows))) - retired - blank
    assert sorted(result.kept.rows.tolist()) == sorted(kept)
    assert (result.erased, result.retired) == (len(blank), len(retired))
    by_record = dict(zip(batch.rows.tolist(), batch.table.to_pylist(), strict=True))
    assert {row["run_id"] for row in result.kept.table.to_pylist()} == {by_record[at]["run_id"] for at in kept}
    blanks = [
        {
            "workspace_id": by_record[at]["workspace_id"],
            "run_id": by_record[at]["run_id"],
            "version": (int.from_bytes(by_record[at]["version"], "little") + 1).to_bytes(16, "little"),
            "is_deleted": 1,
        }
        for at in batch.rows.tolist()
        if at in blank
    ]
    assert result.blanks.to_pylist() == blanks


def test_nothing_is_touched_while_the_list_is_empty() -> None:
    batch = decoded([(0, "ann", "acme")])
    assert withdraw("agent_runs", batch, Withdrawals()).kept is batch
    assert withdraw("agent_runs", batch, Withdrawals((), {"user_activity": 2**50})).kept is batch


def test_the_version_above_one_of_all_ones_carries() -> None:
    batch = decoded([(0, "ann", "acme")])
    full = pa.array([b"\xff" * 8 + (7).to_bytes(8, "little")], pa.binary(16))
    at = batch.table.schema.get_field_index("version")
    batch = dataclasses.replace(batch, table=batch.table.set_column(at, batch.table.schema.field(at), full))
    result = withdraw("agent_runs", batch, Withdrawals((Subject((), user_hash("ann"), 2**50),)))
    assert int.from_bytes(result.blanks["version"][0].as_py(), "little") == 8 << 64


@pytest.mark.parametrize(
    ("topic", "fields", "table"),
    [
        (
            FEEDBACK,
            '"feedback_id":"f","run_id":"r","agent_id":"a","user_id":"ann","rating":1,"created_at"',
            "agent_feedback",
        ),
        (LIFECYCLE, '"event_id":"e","agent_id":"a","to_state":"on","actor":"ann","at"', "agent_lifecycle"),
        (ACTIVITY, '"event_id":"e","user_id":"ann","event_name":"x","at"', "user_activity"),
    ],
)
def test_other_events_keep_their_key_only(topic: str, fields: str, table: str) -> None:
    value = f'{{"workspace_id":"acme",{fields}:"2026-08-01T00:00:00Z"}}'.encode()
    batch = DECODERS[topic].decode([value])
    assert not batch.rejected
    result = withdraw(table, batch, Withdrawals((Subject((), user_hash("ann"), START_MS + 1),)))
    assert result.blanks.column_names == ["workspace_id", "id", "version"]
    assert (result.erased, result.kept.table.num_rows, len(result.kept.rows)) == (1, 0, 0)
    later = withdraw(table, batch, Withdrawals((Subject((), user_hash("ann"), START_MS),)))
    assert later.kept.table.num_rows == 1


@pytest.mark.parametrize(
    ("value", "key", "names"),
    [
        (b'{"workspace_id":"acme","user_id":"ann"', None, True),
        (b'{"workspace_id" : "acme", "user_id": ann, "x"', None, True),
        (b'{"workspace_id":"acme"}', b"ann", True),
        (b'{"workspace_id":"acme","tags":{"who":"ann"}}', None, True),
        (b'{"workspace_id":"acme","user_id":"anna"}', b"annb", False),
        (b'{"workspace_id":"beta","user_id":"ann"}', None, False),
        (b'{"workspace_id":"acme","user_id":"\\u0061nn","run_id":7}', None, True),
        (b'{"workspace_id":"acme","tags":{"who":"\\u0061nn"},"x', None, True),
        (b'{"workspace_id":"\\u0061cme","user_id":"ann"', None, True),
        (b'{"tags":{"workspace_id":"beta"},"workspace_id":"acme","user_id":"ann","run_id":7}', None, True),
        (b'{"tags":{"workspace_id":"acme"},"workspace_id":"beta","user_id":"ann","run_id":7}', None, False),
        (b'{"workspace_id":"acme","user_id":"\\ud800ann","x":"\\q"}', None, False),
        (b'{"user_id":"ann"}', None, False),
        (b"\xff\xfe", b"\xff", False),
        (None, None, False),
    ],
)
def test_a_record_that_is_no_row(value: bytes | None, key: bytes | None, names: bool) -> None:
    known = Withdrawals((Subject(("acme",), user_hash("ann"), START_MS),))
    assert names_erased(StoredRecord(0, value, key, timestamp=START_MS - 1), known) is names
    assert not names_erased(StoredRecord(0, value, key, timestamp=START_MS), known)
    whole = Withdrawals((Subject(("acme",), "", START_MS),))
    is_of_acme = b'"workspace_id":"beta"' not in (value or b"") or b'"workspace_id":"acme","user' in (value or b"")
    assert names_erased(StoredRecord(0, value, key), whole) is (b"cme" in (value or b"") and is_of_acme)
    assert not names_erased(StoredRecord(0, value, key), Withdrawals())
