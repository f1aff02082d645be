"""Erasing users and workspaces: what goes, what stays, and that nothing brings it back."""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse.rolling_up import refresh
from clickhouse.runs import scope
from clickhouse.withdrawing_records import (
    ACTIVITY,
    FEEDBACK,
    LIFECYCLE,
    NOW,
    RUNS,
    batch,
    drawn_snapshots,
    erase,
    event_message,
    expected_runs,
    request,
    run_message,
    runs_in_answers,
    visible,
    write,
    writer,
)
from runtally_clickhouse.catalogue import query_text, stored_rows
from runtally_clickhouse.client import Store
from runtally_clickhouse.erasing import DONE, SETTLED_AFTER, Eraser, count_stored, due_jobs, erasure_jobs
from runtally_clickhouse.rollup_levels import LEVELS
from runtally_clickhouse.rollups import mark_buckets
from runtally_clickhouse.withdrawals import EVENT_TABLES, Subject, WithdrawalList, user_hash

TOPICS = {FEEDBACK: "agent_feedback", LIFECYCLE: "agent_lifecycle", ACTIVITY: "user_activity"}


@pytest.mark.parametrize("seed", range(4))
def test_after_an_erasure_and_after_any_replay_the_newest_snapshot_decides(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    messages = [run_message(**one) for one in drawn_snapshots(draw, 120)]
    for start in range(0, 60, 15):
        write(store, RUNS, messages[start : start + 15])
    refresh(store, draw)
    erase(store, "bøb")
    assert visible(store) == expected_runs(messages[:60], ["bøb"])
    assert runs_in_answers(store) == len(visible(store))
    refresh(store, draw)
    everything = messages[:]  # what was erased, once more, and what the store never saw
    draw.shuffle(everything)
    for start in range(0, len(everything), 17):
        write(store, RUNS, everything[start : start + 17])
    assert visible(store) == expected_runs(messages, ["bøb"])
    for _ in range(2):
        assert runs_in_answers(store) == len(visible(store))
        assert sum(count_stored(store, erasure_jobs(store)[0].subject).values()) == 0
        refresh(store, draw)


def test_a_user_goes_from_every_table_and_no_trace_of_the_name_stays(store: Store) -> None:
    def fill() -> None:
        write(store, RUNS, [run_message(f"r{n}", user, error_message=f"of {user}") for n, user in enumerate(USERS)])
        for topic in TOPICS:
            write(store, topic, [event_message(topic, f"e{n}", user) for n, user in enumerate(USERS)])
        write(
            store, RUNS, [b'{"run_id":"x","workspace_id":"acme","user_id":"ann@there","status":7}', b'{"user_id":"bob"']
        )
        write(
            store,
            ACTIVITY,
            [b'{"user_id": ann@there, "workspace_id":"acme"}', b'{"actor":"bob", "workspace_id":"acme"}'],
        )

    fill()
    job = erase(store, ANN)
    assert job.counts_before == dict.fromkeys([*EVENT_TABLES, "dead_letters"], 2) | NOT_ROLLED_UP
    fill()
    nothing = dict.fromkeys([*EVENT_TABLES, "dead_letters"], 0) | NOT_ROLLED_UP
    assert erase(store, ANN, number=2).counts_before == nothing
    assert visible(store) == [("acme", "r1", "bob")]
    assert visible(store, "user_activity", "event_id") == [("acme", "e1", "bob")]
    assert visible(store, "agent_feedback", "feedback_id") == [("acme", "e1", "bob")]
    assert visible(store, "agent_lifecycle", "event_id") == [("acme", "e1", "bob")]
    for table in (*EVENT_TABLES, "dead_letters", "erasures"):
        rows = store.unmerged(f"SELECT * FROM {table}")
        assert rows
        assert ANN not in str(rows), table
        assert table == "erasures" or "bob" in str(rows), table
    everything = {"sees_all_workspaces": 1, "visible_workspaces": []}
    assert [row["ratings_5"] for row in store.query(query_text("ratings_by_run"), everything)] == [1]


ANN = "ann@there"
TABLES_OF_SESSIONS = tuple(level.session_cells for level in LEVELS if level.session_cells)
NOT_ROLLED_UP = {"error_runs": 0, **dict.fromkeys(TABLES_OF_SESSIONS, 0)}
USERS = (ANN, "bob", ANN)


@pytest.mark.parametrize("cut", [0, 1])
def test_dead_letters_go_however_json_spells_the_name(store: Store, cut: int) -> None:
    """Senders in Python escape all that is not ASCII unless told otherwise. Cut off, the record is no JSON at all."""
    name, workspace = "jörg/😀", "größe"
    events = [
        {"workspace_id": workspace, "run_id": 7, "user_id": name},
        {"workspace_id": workspace, "run_id": 7, "tags": {"workspace_id": "acme", "who": name}},
    ]
    stays = {"workspace_id": "acme", "run_id": 7, "tags": {"workspace_id": workspace, "who": name}}
    values = [json.dumps(one).encode() for one in (*events, stays)]
    values += [values[0].replace(b"/", b"\\/"), json.dumps(events[0], ensure_ascii=False).encode()]
    values = [value[: len(value) - cut] for value in values]
    write(store, RUNS, values)
    erase(store, name, workspace)
    for _ in range(2):
        kept = store.unmerged("SELECT DISTINCT value FROM dead_letters WHERE message != 'erased'")
        assert kept == [{"value": values[2].decode()}]
        write(store, RUNS, values)


def test_a_user_of_one_workspace_stays_in_the_others(store: Store) -> None:
    messages = [run_message("a", "ann"), run_message("b", "ann", "beta"), run_message("c", "bob")]
    write(store, RUNS, messages)
    erase(store, "ann", "acme")
    for _ in range(2):
        assert visible(store) == [("acme", "c", "bob"), ("beta", "b", "ann")]
        write(store, RUNS, messages)


def test_a_workspace_goes_with_its_cells(store: Store) -> None:
    draw = random.Random(1)
    messages = [run_message(f"r{n}", "ann", "acme" if n % 2 else "beta") for n in range(10)]
    letters = [b'{"workspace_id":"acme","run_id":7}', b'{"workspace_id":"beta","run_id":7}']
    write(store, RUNS, [*messages, *letters])
    for topic in TOPICS:
        write(store, topic, [event_message(topic, "e", "ann"), event_message(topic, "f", "ann", "beta")])
    refresh(store, draw)
    job = erase(store, "", "acme")
    assert job.counts_before["run_rollup"] == 1
    assert job.counts_before["agent_runs"] == 5
    assert set(job.counts_after.values()) == {0}
    refresh(store, draw)
    for _ in range(2):
        assert {workspace for workspace, _, _ in visible(store)} == {"beta"}
        assert runs_in_answers(store) == 5
        assert "acme" not in str(store.unmerged("SELECT value FROM dead_letters"))
        assert store.unmerged("SELECT DISTINCT workspace_id FROM run_rollup") == [{"workspace_id": "beta"}]
        write(store, RUNS, [*messages, *letters], first=100)
        refresh(store, draw)


def test_runs_with_errors_that_were_rolled_up_name_no_erased_user(store: Store) -> None:
    draw = random.Random(2)
    write(store, RUNS, [run_message(f"r{n}", user, status="failed") for n, user in enumerate(USERS)])
    refresh(store, draw)
    mark_buckets(store)
    refresh(store, draw)  # so that a replaced generation lies there as well
    job = erase(store, ANN)
    assert (job.counts_before["error_runs"], job.counts_after["error_runs"]) == (4, 0)
    refresh(store, draw)
    assert {row["user_id"] for row in store.unmerged("SELECT user_id FROM error_runs")} == {"bob"}
    assert erase(store, "", "acme", number=2).counts_after["error_runs"] == 0
    assert store.unmerged("SELECT count() AS n FROM error_runs") == [{"n": 0}]


@pytest.mark.parametrize("table", TABLES_OF_SESSIONS)
def test_cells_of_sessions_name_no_erased_user(store: Store, table: str) -> None:
    draw = random.Random(4)
    write(store, RUNS, [run_message(f"r{n}", user, session_id=f"s-{user}") for n, user in enumerate(USERS)])
    refresh(store, draw)
    mark_buckets(store)
    refresh(store, draw)  # so that a replaced generation lies there as well
    job = erase(store, ANN)
    assert (job.counts_before[table], job.counts_after[table]) == (2, 0)
    refresh(store, draw)
    (named,) = store.unmerged(f"SELECT groupUniqArray((user_id, session_id)) AS named FROM {table}")
    assert named == {"named": [("bob", "s-bob")]}
    assert erase(store, "", "acme", number=2).counts_after[table] == 0
    assert store.unmerged(f"SELECT count() AS n FROM {table}") == [{"n": 0}]


@pytest.mark.parametrize("table", TABLES_OF_SESSIONS)
def test_a_session_that_was_made_anew_keeps_what_began_after_the_instant(store: Store, table: str) -> None:
    """In the same bucket as what is erased: a look for more takes no cell of newer runs."""
    draw = random.Random(5)
    write(store, RUNS, [run_message("a", "ann", started_at="2026-11-21T09:00:00Z")])
    refresh(store, draw)
    job = erase(store, "ann")
    write(store, RUNS, [run_message("b", "ann", started_at="2026-11-21T09:00:01Z", updated_at="2026-11-21T09:00:02Z")])
    refresh(store, draw)
    assert Eraser(store, lambda: NOW).finish(job).state == DONE
    assert store.unmerged(f"SELECT user_id, runs FROM {table}") == [{"user_id": "ann", "runs": 1}]


def test_what_began_after_the_instant_is_new(store: Store) -> None:
    later = {"started_at": "2026-11-21T09:00:01Z", "updated_at": "2026-11-21T09:00:02Z"}
    write(store, RUNS, [run_message("a", "ann")])
    erase(store, "ann")
    write(store, RUNS, [run_message("a", "ann", updated_at="2026-11-21T10:00:00Z"), run_message("b", "ann", **later)])
    assert visible(store) == [("acme", "b", "ann")]


def test_a_clock_that_was_ahead_hides_nothing_from_an_erasure(store: Store) -> None:
    ahead = {"started_at": "2026-11-21T09:10:00Z", "updated_at": "2026-11-21T09:10:01Z"}
    write(store, RUNS, [run_message("a", "ann", **ahead)])
    erase(store, "ann")
    assert visible(store) == []


def test_rows_that_come_between_the_list_and_the_work_are_hidden_before_they_are_acknowledged(store: Store) -> None:
    """The consumer reads the list, an erasure is requested and done, and only then its insert arrives."""
    one = writer(store)

    class Late(WithdrawalList):
        calls = 0

        def current(self):  # type: ignore[no-untyped-def]
            found = super().current()
            self.calls += 1
            if self.calls == 1:
                erase(store, "ann")
            return found

        def drop_retired(self) -> None:
            raise AssertionError("nothing was retired")

    one._withdrawn = Late(store)
    written = asyncio.run(one.write(batch(RUNS, [run_message("a", "ann"), run_message("b", "bob")])))
    assert written.withdrawn == {"erased": 1}
    assert visible(store) == [("acme", "b", "bob")]
    refresh(store, random.Random(1))
    assert runs_in_answers(store) == 1
    assert due_jobs(store, NOW) == []
    settled = NOW + SETTLED_AFTER
    (job,) = due_jobs(store, settled)
    assert sum(count_stored(store, job.subject).values()) == 1, "what was under way lies there still, hidden"
    finished = Eraser(store, lambda: settled).finish(job)
    assert (finished.state, finished.settled) == (DONE, True)
    assert sum(count_stored(store, job.subject).values()) == 0
    assert due_jobs(store, settled + timedelta(days=1)) == []


def test_a_snapshot_without_the_user_that_is_newer_is_counted_as_a_run(store: Store) -> None:
    write(store, RUNS, [run_message("a", "ann")])
    erase(store, "ann")
    write(store, RUNS, [run_message("a", "", updated_at="2026-11-20T10:00:00Z")])
    assert visible(store) == [("acme", "a", "")]
    assert stored_rows(store, scope()) == {"stored_rows": 2, "deleted_runs": 0}


def test_an_erasure_of_everything_is_none() -> None:
    with pytest.raises(ValueError, match="a user, or at least one workspace"):
        Subject((), "", 0)


def test_the_list_is_the_same_while_nothing_is_added(store: Store) -> None:
    known = WithdrawalList(store)
    first = known.current()
    assert known.current() is first
    job = request(store, "ann", "acme", now=datetime(2026, 11, 21, tzinfo=UTC))
    second = known.current()
    assert second.subjects == (Subject(("acme",), user_hash("ann"), job.subject.before_ms),)
    erase_again = Eraser(store, lambda: NOW).finish(job)
    assert erase_again.state == DONE
    assert known.current() is second
