"""Replay of dead letters: what passes counts once, what may be forged never passes, and who may not learns nothing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from api.door import NOW, Door, Whoever, assert_problem, open_door
from consumer.samples import FEEDBACK, NOT_JSON, RUNS, StoredRecord, run_value
from runtally.signing import NOT_BY_A_KEY, NOT_ITS_WORKSPACE, NOT_SIGNED
from runtally.violations import Violation
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import GRANTED, Permission, Role
from runtally_api.publishing import Record
from runtally_api.replaying import CHUNK
from runtally_clickhouse.client import Store
from runtally_consumer.dead_letters import DeadLetter, RefusedBy, mirror_rows
from runtally_consumer.records import Partition
from runtally_consumer.signatures import MISSIGNED, UNSIGNED

PATH = "/api/v1/dead-letters/replay"
LIST = "/api/v1/dead-letters"
MENDED = Violation("cost_usd", "was refused by the version before", "wait")


def letter(
    store: Store,
    offset: int,
    value: bytes,
    violation: Violation = MENDED,
    *,
    refused_by: RefusedBy = RefusedBy.CONTRACT,
    topic: str = RUNS,
    minutes_ago: int = 1,
    key: bytes = b"k",
) -> None:
    """A record that was refused as the consumer writes it down."""
    one = DeadLetter(Partition(topic, 0), StoredRecord(offset, value, key), (violation,), refused_by)
    store.insert("dead_letters", mirror_rows("s", [one], NOW - timedelta(minutes=minutes_ago)))


def place(offset: int, topic: str = RUNS) -> dict[str, Any]:
    return {"stream": "s", "topic": topic, "partition": 0, "offset": offset}


def replayed(door: Door, **body: Any) -> dict[str, Any]:
    response = door.client.post(PATH, json={"topic": RUNS} | body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["letters"] == answer["published"] + sum(one["letters"] for one in answer["left"])
    return answer


def runs_of(door: Door, workspace: str) -> int:
    answer = door.get("/api/agents/analytics", workspace_id=workspace, **{"from": "2026-01-01", "to": "2026-12-31"})
    return int(answer["totals"]["runs"])


def test_what_is_accepted_now_is_published_unchanged_oldest_first_and_counts_once(door: Door) -> None:
    store = door.publisher.store
    values = [run_value(number, workspace_id="returned") for number in range(3)]
    for number, value in enumerate(values):
        letter(store, number, value, minutes_ago=3 - number, key=b"" if number == 1 else b"k")
    letter(store, 3, run_value(3, status="done"))
    looked = replayed(door, dry_run=True)
    assert (looked["published"], door.publisher.republished, runs_of(door, "returned")) == (3, [], 0)
    for _ in range(2):
        done = replayed(door)
        assert (done["letters"], done["published"]) == (4, 3)
        assert runs_of(door, "returned") == 3
    expected = [Record(RUNS, None if number == 1 else b"k", value) for number, value in enumerate(values)]
    assert door.publisher.republished == expected * 2
    (left,) = done["left"]
    assert (left["because"], left["field"], left["letters"]) == ("contract", "status", 1)
    assert left["remedy"]
    assert len(door.get(LIST)["data"]) == 4, "a letter stays one"


@pytest.mark.parametrize(
    "violation",
    [UNSIGNED, MISSIGNED, Violation("workspace_id", f"{NOT_ITS_WORKSPACE} 'fleet-a'", "write elsewhere")],
    ids=["unsigned", "missigned", "another workspace"],
)
@pytest.mark.parametrize("signs", [False, True])
def test_what_was_refused_for_its_signature_is_never_published(door: Door, violation: Violation, signs: bool) -> None:
    door.publisher.signs = signs
    letter(door.publisher.store, 1, run_value(1, workspace_id="forged"), violation)
    for body in ({"topic": RUNS}, {"topic": None, "letters": [place(1)]}):
        done = replayed(door, **body)
        assert (done["published"], done["left"][0]["because"]) == (0, "signature")
    assert door.publisher.republished == []
    assert runs_of(door, "forged") == 0


def test_the_words_of_a_signature_are_what_consumers_write() -> None:
    assert (UNSIGNED.message, MISSIGNED.message) == (NOT_SIGNED, NOT_BY_A_KEY)


def test_who_signs_vouches_only_for_what_was_looked_at(door: Door) -> None:
    door.publisher.signs = True
    letter(door.publisher.store, 1, run_value(1))
    stored = Violation("", "was refused by the store: 241", "mend the table, then replay")
    letter(door.publisher.store, 2, run_value(2), stored, refused_by=RefusedBy.STORE)
    done = replayed(door)
    assert [record.value for record in door.publisher.republished] == [run_value(2)]
    assert [one["because"] for one in done["left"]] == ["unchecked"]


def test_what_the_store_has_not_whole_is_told(door: Door) -> None:
    store = door.publisher.store
    letter(store, 1, run_value(1, error_message="x" * 100_000))
    letter(store, 2, b"")
    letter(store, 3, NOT_JSON)
    done = replayed(door, letters=[place(number) for number in (1, 2, 3, 99)], topic=None)
    assert {(one["because"], one["letters"]) for one in done["left"]} == {
        ("incomplete", 2),
        ("incomplete", 1),
        ("contract", 1),
    }
    assert done["published"] == 0


def test_topic_field_range_and_places_choose_the_letters(door: Door) -> None:
    store = door.publisher.store
    letter(store, 1, run_value(1))
    letter(store, 2, run_value(2), Violation("", "is no JSON", "send some"))
    letter(store, 3, run_value(3), minutes_ago=120)
    letter(store, 4, run_value(4), topic=FEEDBACK)
    assert replayed(door, dry_run=True)["letters"] == 3
    assert replayed(door, dry_run=True, field="cost_usd")["letters"] == 2
    assert replayed(door, dry_run=True, field="")["letters"] == 1
    assert replayed(door, dry_run=True, **{"from": "-1h"})["letters"] == 2
    assert replayed(door, dry_run=True, topic=FEEDBACK)["left"][0]["because"] == "contract"
    named = replayed(door, dry_run=True, topic=None, letters=[place(3), place(3), place(4, FEEDBACK)])
    assert (named["letters"], named["published"]) == (2, 1)


def test_more_than_a_chunk_is_published_to_the_last(door: Door) -> None:
    rows = [
        DeadLetter(Partition(RUNS, 0), StoredRecord(number, run_value(number, workspace_id="many"), b"k"), (MENDED,))
        for number in range(CHUNK + 1)
    ]
    door.publisher.store.insert("dead_letters", mirror_rows("s", rows, NOW - timedelta(minutes=1)))
    assert replayed(door)["published"] == CHUNK + 1
    assert runs_of(door, "many") == CHUNK + 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "topic"),
        ({"topic": "other"}, "topic"),
        ({"topic": RUNS, "from": "soon"}, "from"),
        ({"topic": RUNS, "letters": [place(1)]}, "letters"),
        ({"letters": []}, "letters"),
        ({"letters": [{"topic": RUNS}]}, "letters.0.stream"),
        ({"topic": RUNS, "everything": True}, "everything"),
    ],
)
def test_a_body_that_means_nothing_is_told_which_field(door: Door, body: dict[str, Any], field: str) -> None:
    problem = assert_problem(door.client.post(PATH, json=body), 422)
    assert field in [error["field"] for error in problem["errors"]]


def test_a_process_without_a_broker_names_the_setting(door: Door) -> None:
    assert door.get(LIST)["replay_refused_because"] is None
    door.publisher.closed = "this process only answers questions (RUNTALLY_API_ROUTES=read)"
    problem = assert_problem(door.client.post(PATH, json={"topic": RUNS}), 409)
    assert [error["field"] for error in problem["errors"]] == ["RUNTALLY_API_ROUTES"]
    assert "RUNTALLY_API_ROUTES=read" in door.get(LIST)["replay_refused_because"]


def test_a_broker_that_is_away_is_told_and_both_are_in_the_log(door: Door) -> None:
    letter(door.publisher.store, 1, run_value(1))
    door.publisher.lost = True
    response = door.client.post(PATH, json={"topic": RUNS})
    problem = assert_problem(response, 503)
    assert "safe to send again" in problem["detail"]
    assert (problem["letters"], problem["published"]) == (1, 0)
    assert {entry["outcome"] for entry in audited(door)} == {"failed", "done"}  # the clock stands still


def audited(door: Door) -> list[dict[str, Any]]:
    return [entry for entry in door.get("/api/v1/audit")["data"] if entry["act"] == "replay"]


def test_a_replay_is_in_the_log_and_a_look_is_not(door: Door) -> None:
    letter(door.publisher.store, 1, run_value(1))
    replayed(door, dry_run=True)
    assert audited(door) == []
    replayed(door, field="cost_usd")
    (entry,) = audited(door)
    assert (entry["target"], entry["outcome"], entry["actor"]) == ("dead-letters", "done", "anybody")
    assert (entry["details"]["topic"], entry["details"]["field"], entry["details"]["letters"]) == (
        RUNS,
        "cost_usd",
        "1",
    )


@pytest.fixture
def known(door: Door) -> Iterator[tuple[Door, Whoever]]:
    who = Whoever(Caller("o", "", GRANTED[Role.OWNER], None))
    with open_door(door.publisher.store, who) as other:
        yield other, who


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("workspaces", [None, frozenset({"acme"}), frozenset[str]()])
def test_only_an_owner_of_all_workspaces_replays(
    known: tuple[Door, Whoever], role: Role, workspaces: frozenset[str] | None
) -> None:
    door, who = known
    letter(door.publisher.store, 1, run_value(1, workspace_id="acme"))
    who.who = Caller("c", "", GRANTED[role], workspaces)
    may = role is Role.OWNER and workspaces is None
    because = door.get(LIST)["replay_refused_because"]
    assert (because is None) == may
    for body in ({"topic": RUNS}, {"letters": [place(1)]}, {"topic": RUNS, "dry_run": True}):
        response = door.client.post(PATH, json=body)
        if may:
            assert response.json()["published"] == 1, response.text
        else:
            problem = assert_problem(response, 403)
            assert "acme" not in response.text, "nothing of the letter is told"
            assert ("ingest_runs" in problem["detail"]) == (role is not Role.OWNER)
    assert len(door.publisher.republished) == (2 if may else 0)


def test_a_permission_alone_is_enough_to_replay_but_not_to_look(known: tuple[Door, Whoever]) -> None:
    door, who = known
    letter(door.publisher.store, 1, run_value(1))
    who.who = Caller("key", "", frozenset({Permission.INGEST_RUNS}), None)
    assert replayed(door)["published"] == 1
    assert_problem(door.client.get(LIST), 403)
