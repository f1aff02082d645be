"""Dead letters and throughput, as the consumer writes them down: each once, however often it was delivered."""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from api.door import NOW, Door, Whoever, assert_problem, open_door, run
from consumer.samples import StoredRecord
from runtally.connection import KafkaConnection
from runtally.violations import Violation
from runtally_api.consumer_lag import KEPT_SECONDS, KafkaLag, Lag, LagUnknown, PartitionLag, behind
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import GRANTED, Role
from runtally_clickhouse.client import Store
from runtally_consumer.dead_letters import DeadLetter, mirror_rows
from runtally_consumer.records import Partition

RUNS, FEEDBACK = "agent-runs.v1", "agent-feedback.v1"
PATH = "/api/v1/dead-letters"


def refuse(store: Store, topic: str, offset: int, field: str, minutes_ago: int, value: bytes = b"{}") -> None:
    violation = Violation(field=field, message="is wrong", remedy="mend it")
    letter = DeadLetter(Partition(topic, offset % 3), StoredRecord(offset, value, b"k"), (violation,))
    store.insert("dead_letters", mirror_rows("s", [letter], NOW - timedelta(minutes=minutes_ago)))


@pytest.fixture
def letters(door: Door) -> Door:
    for offset in range(11):
        for _ in range(1 + offset % 2):  # every other one is delivered twice
            field = "cost_usd" if offset % 4 else "status"
            refuse(door.publisher.store, RUNS, offset, field, minutes_ago=offset // 3)
    refuse(door.publisher.store, FEEDBACK, 3, "rating", 90 * 1440)
    return door


def listed(door: Door, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = door.get(PATH, limit=4, **asked, **cursor)
        found += page["data"]
        if not page["has_more"]:
            return found
        cursor = {"cursor": page["next_cursor"]}


def test_each_letter_once_page_by_page(letters: Door) -> None:
    found = listed(letters)
    assert sorted(one["offset"] for one in found) == list(range(11))
    at = [one["recorded_at"] for one in found]
    assert at == sorted(at, reverse=True)
    assert {one["value"] for one in found} == {None}
    assert [one["offset"] for one in listed(letters, field="status")] == [0, 4, 8]
    assert listed(letters, topic=FEEDBACK) == []
    assert len(listed(letters, topic=FEEDBACK, **{"from": "2026-08-01"})) == 1


def test_reasons_count_the_letters(letters: Door) -> None:
    reasons = letters.get(PATH, limit=1)["reasons"]
    counted = {(one["topic"], one["field"]): one["letters"] for one in reasons}
    assert counted == {(RUNS, "cost_usd"): 8, (RUNS, "status"): 3}


def test_values_are_text_where_they_are(door: Door) -> None:
    values = [b'{"a": "\xc3\xa9"}', b"\xff\x00", b"x" * 16383 + "é".encode()]
    for offset, value in enumerate(values):
        refuse(door.publisher.store, RUNS, offset, "x", 0, value)
    shown = {one["offset"]: one["value"] for one in door.get(PATH, with_values=True)["data"]}
    assert shown == {0: '{"a": "é"}', 1: "\\xff\x00", 2: "x" * 16383 + "é"}


def test_what_an_operator_would_not_have_shown_is_in_no_letter(door: Door) -> None:
    refuse(door.publisher.store, RUNS, 1, "x", 0, b'{"error_message": "' + b"y" * 16360 + b' Bearer tok-1234 refused"}')
    assert "y Bea" in door.client.get(PATH, params={"with_values": True}).text
    parts = door.app.state.parts
    settings = parts.settings.model_copy(update={"redact_error_messages": re.compile(r"(?i)bearer \S+|is wrong")})
    door.app.state.parts = replace(parts, settings=settings)
    try:
        answer = door.get(PATH, with_values=True)
    finally:
        door.app.state.parts = parts
    assert "[red" in answer["data"][0]["value"], "nothing of a match is left over at the cut"
    assert "Bea" not in answer["data"][0]["value"]
    assert "is wrong" not in str(answer)


@pytest.fixture
def bound(door: Door) -> Iterator[tuple[Door, Whoever]]:
    known = Whoever(Caller("v", "", GRANTED[Role.VIEWER], None))
    with open_door(door.publisher.store, known) as other:
        yield other, known


def test_values_need_a_right_and_tenants_see_no_letter(bound: tuple[Door, Whoever]) -> None:
    door, known = bound
    refuse(door.publisher.store, RUNS, 1, "x", 0)
    assert len(door.get(PATH)["data"]) == 1
    problem = assert_problem(door.client.get(PATH, params={"with_values": True}), 403)
    assert "export_analytics" in problem["detail"]
    known.who = Caller("o", "", GRANTED[Role.OWNER], frozenset({"acme"}))
    answer = door.get(PATH, with_values=True)
    assert (answer["data"], answer["reasons"]) == ([], [])
    assert door.get("/api/v1/ingestion/minutes", **{"from": "-1h"})["minutes"] is None
    assert "of all workspaces" in door.get("/api/v1/ingestion/lag")["unknown_because"]


@dataclass
class ToldLag:
    """What Kafka is supposed to have said."""

    found: Lag | LagUnknown

    def ask(self) -> Lag:
        if isinstance(self.found, LagUnknown):
            raise self.found
        return self.found


@pytest.fixture
def lagging(door: Door) -> Iterator[Callable[[Lag | LagUnknown], None]]:
    """Let Kafka say this of its ends."""
    usual = door.app.state.parts

    def say(found: Lag | LagUnknown) -> None:
        door.app.state.parts = replace(usual, lag=ToldLag(found))

    yield say
    door.app.state.parts = usual


LAG = "/api/v1/ingestion/lag"


def test_lag_is_told_partition_by_partition_and_has_no_validator(
    door: Door, lagging: Callable[[Lag | LagUnknown], None]
) -> None:
    parts = (PartitionLag(RUNS, 0, 40, 43, 3), PartitionLag(RUNS, 1, None, 5, 5))
    lagging(Lag(parts, is_at_least=True))
    response = door.client.get(LAG)
    body = response.json()
    assert (body["behind"], body["is_at_least"], body["unknown_because"]) == (8, True, None)
    assert body["partitions"][1] == {"topic": RUNS, "partition": 1, "committed": None, "end": 5, "behind": 5}
    assert "ETag" not in response.headers
    assert body["meta"]["timezone"] == "UTC"


def test_a_lag_that_nobody_can_tell_is_null_with_the_reason(
    door: Door, lagging: Callable[[Lag | LagUnknown], None]
) -> None:
    assert "knows no broker" in door.get(LAG)["unknown_because"]
    lagging(LagUnknown("Kafka at broker:9092 did not answer within 2 s"))
    body = door.get(LAG)
    assert (body["behind"], body["partitions"]) == (None, None)
    assert body["unknown_because"] == "Kafka at broker:9092 did not answer within 2 s"


def test_kafka_that_is_away_is_asked_once_for_all_who_look(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        now = [0.0]
        source = KafkaLag(KafkaConnection(f"127.0.0.1:{nobody.getsockname()[1]}"), "runtally", lambda: now[0])
        with pytest.raises(LagUnknown, match="did not answer"):
            source.ask()
        looks: list[LagUnknown] = []

        def look() -> LagUnknown:
            looks.append(LagUnknown("still away"))
            return looks[-1]

        monkeypatch.setattr(source, "_look", look)
        with pytest.raises(LagUnknown, match="did not answer"):
            source.ask()
        now[0] = KEPT_SECONDS
        with pytest.raises(LagUnknown, match="still away"):
            source.ask()
    assert len(looks) == 1


@pytest.mark.parametrize(
    ("committed", "begin", "end", "expected"),
    [(None, 0, 5, 5), (None, 3, 5, 2), (5, 0, 5, 0), (2, 0, 5, 3), (2, 4, 5, 1), (9, 0, 5, 0)],
)
def test_what_is_behind(committed: int | None, begin: int, end: int, expected: int) -> None:
    assert behind(committed, begin, end) == expected


def test_minutes_add_up_to_what_was_acknowledged(door: Door) -> None:
    door.post(*(run(f"r{number}") for number in range(5)))
    door.publisher.acknowledge("agent-runs.v1", 5, 11, NOW - timedelta(minutes=3))
    door.publisher.acknowledge("agent-runs.v1", 5, 11, NOW - timedelta(minutes=3))  # told twice
    earlier, later = minutes_of_the_hour(door)
    assert (earlier["accepted"], later["accepted"]) == (7, 5)


def minutes_of_the_hour(door: Door) -> list[dict[str, Any]]:
    """Of the hour that ends with the running minute."""
    asked = {"from": (NOW - timedelta(hours=1)).isoformat(), "to": (NOW + timedelta(minutes=1)).isoformat()}
    minutes: list[dict[str, Any]] = door.get("/api/v1/ingestion/minutes", **asked)["minutes"]
    return minutes


def test_a_range_that_is_too_long(door: Door) -> None:
    problem = assert_problem(door.client.get("/api/v1/ingestion/minutes", params={"from": "-7h"}), 422)
    assert [error["field"] for error in problem["errors"]] == ["from"]
