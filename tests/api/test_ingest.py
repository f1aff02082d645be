"""CONTRACT 3.3 at the door: what is taken, what is refused, and with which words."""

import json
from typing import Any

import httpx
import pytest
from api.door import NOW, STREAM, Door, assert_problem, run

JSON, NDJSON = {"Content-Type": "application/json"}, {"Content-Type": "application/x-ndjson"}
RUNS = "/api/v1/runs"
LIMIT = 16 * 1024 * 1024
FEEDBACK = {
    "feedback_id": "f-1",
    "run_id": "run-1",
    "workspace_id": "acme",
    "agent_id": "planner",
    "rating": 5,
    "created_at": "2026-11-21T09:05:00Z",
}
LIFECYCLE = {
    "event_id": "e-1",
    "workspace_id": "acme",
    "agent_id": "planner",
    "to_state": "active",
    "at": "2026-11-21T09:05:00Z",
}
ACTIVITY = {
    "event_id": "e-1",
    "workspace_id": "acme",
    "user_id": "u-1",
    "event_name": "opened",
    "at": "2026-11-21T09:05:00Z",
}


def stored(door: Door) -> list[str]:
    return sorted(entry["run_id"] for entry in door.get(RUNS, limit=1000)["data"])


def test_the_answer_is_the_contracts(api: httpx.Client) -> None:
    body = [run("bar-1", estimated_cost=1), run("bar-2", input_tokens=-5)]

    accepted = api.post(RUNS, json=body[0])
    assert accepted.status_code == 202
    key = accepted.json()["runs"][0]["id"]
    warning = {
        "index": 0,
        "field": "estimated_cost",
        "message": "unknown field, ignored; did you mean cost_usd?",
    }
    assert accepted.json() == {
        "accepted": 1,
        "rejected": 0,
        "runs": [{"index": 0, "run_id": "bar-1", "id": key}],
        "warnings": [warning],
    }

    rejected = assert_problem(api.post(RUNS, json=body), 422)
    request_id = rejected.pop("request_id")
    assert request_id
    assert rejected == {
        "type": "/problems/invalid-runs",
        "title": "Some runs were rejected",
        "status": 422,
        "detail": "1 of 2 runs rejected",
        "accepted": 1,
        "rejected": 1,
        "runs": [{"index": 0, "run_id": "bar-1", "id": key}],
        "warnings": [warning],
        "errors": [
            {
                "index": 1,
                "run_id": "bar-2",
                "field": "input_tokens",
                "message": "must be an integer >= 0, got -5",
                "remedy": "send null when unknown",
            }
        ],
    }


BAD: list[tuple[str, str]] = [
    ("input_tokens", '"input_tokens": -5'),
    ("input_tokens", '"input_tokens": "5"'),
    ("input_tokens", '"input_tokens": 1.5'),
    ("input_tokens", '"input_tokens": 9007199254740992'),
    ("input_tokens", '"input_tokens": 1e400'),
    ("input_tokens", '"input_tokens": 1e99999999999999999999'),
    ("cost_usd", '"cost_usd": NaN'),
    ("cost_usd", '"cost_usd": -Infinity'),
    ("cost_usd", '"cost_usd": 1000000000'),
    ("recovered", '"recovered": "yes"'),
    ("status", '"status": "done"'),
    ("status", '"status": "\\ud800"'),
    ("run_id", '"run_id": ""'),
    ("run_id", '"run_id": "\\udfff"'),
    ("run_id", '"run_id": 7'),
    ("run_id", '"run_id": "ffffffff-ffff-7fff-bfff-ffffffffffff"'),
    ("agent_id", '"agent_id": null'),
    ("started_at", '"started_at": "1970-01-01T00:00:00Z"'),
    ("started_at", '"started_at": "2026-11-21T09:00:00"'),
    ("started_at", '"started_at": 1763716800'),
    ("started_at", '"started_at": null'),
    ("tags", '"tags": {"a": 1}'),
    ("tags", '"tags": {"a": "b", "a": "c"}'),
    ("status", '"status": "failed", "status": "failed"'),
    ("", '"error_message": "' + "x" * 5_000_000 + '"'),
    ("", '"other": ' + "[" * 500 + "]" * 500 + ', "padding": "' + "x" * 300_000 + '"'),
]


def test_bad_items_are_explained_and_good_neighbours_taken(door: Door, api: httpx.Client) -> None:
    items = []
    for number, (_, members) in enumerate(BAD):
        names = set(json.loads("{" + members + "}", parse_constant=str))
        bad = {name: value for name, value in run(f"bad-{number}").items() if name not in names}
        items += [json.dumps(run(f"good-{number}")), json.dumps(bad)[:-1] + ", " + members + "}"]
    items += ["null", "[]", '"text"', "12"]

    for body, headers in (("[" + ",".join(items) + "]", JSON), ("\r\n\n".join(items) + "\n", NDJSON)):
        problem = assert_problem(api.post(RUNS, content=body.encode(), headers=headers), 422)

        assert (problem["accepted"], problem["rejected"]) == (len(BAD), len(BAD) + 4)
        found = {error["index"]: error for error in problem["errors"]}
        assert set(found) == {*range(1, 2 * len(BAD), 2), *range(2 * len(BAD), len(items))}
        for number, (field, _) in enumerate(BAD):
            error = found[2 * number + 1]
            assert (field, True) == (error["field"], len(error["message"]) < 300), error
        assert stored(door) == sorted(f"good-{number}" for number in range(len(BAD)))


@pytest.mark.parametrize("line", [b"{broken", b"\xff\xfe", b"[" * 100_000, b'{"a": 1} {"b": 2}'])
def test_a_broken_line_costs_no_other(door: Door, api: httpx.Client, line: bytes) -> None:
    good = [json.dumps(run(name)).encode() for name in ("first", "last")]

    problem = assert_problem(api.post(RUNS, content=b"\n".join([good[0], line, good[1]]), headers=NDJSON), 422)

    assert [(error["index"], error["run_id"]) for error in problem["errors"]] == [(1, None)]
    assert stored(door) == ["first", "last"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", JSON, 400),
        (b"{", JSON, 400),
        (b"\xff", JSON, 400),
        (b'{"a": 1}{"b": 2}', JSON, 400),
        (b"[" * 100_000, JSON, 400),
        ("{}".encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}, 400),
        (b"null", JSON, 422),
        (b"{}", JSON, 422),
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"\x1f\x8b", {**JSON, "Content-Encoding": "gzip"}, 415),
        (b"[" + b" " * LIMIT + b"]", JSON, 413),
        (b"[" + b"{}," * 10_000 + b"{}]", JSON, 413),
        (b"{}\n" * 10_001, NDJSON, 413),
    ],
)
def test_a_body_that_cannot_be_taken(
    door: Door, api: httpx.Client, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert_problem(api.post(RUNS, content=content, headers=headers), status)
    assert not door.publisher.published


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"[]", JSON),
        (b"", NDJSON),
        (b" \r\n\r\n", NDJSON),
        (b"[]", {"Content-Type": "Application/JSON ; charset=utf-8", "Content-Encoding": "Identity"}),
    ],
)
def test_nothing_is_accepted_as_nothing(door: Door, api: httpx.Client, content: bytes, headers: dict[str, str]) -> None:
    door.publisher.lost = True
    answer = api.post(RUNS, content=content, headers=headers)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 0, "rejected": 0, "runs": [], "warnings": []}


@pytest.mark.parametrize("headers", [JSON, NDJSON])
def test_a_byte_order_mark_is_no_part_of_the_text(door: Door, api: httpx.Client, headers: dict[str, str]) -> None:
    answer = api.post(RUNS, content=b"\xef\xbb\xbf" + json.dumps(run()).encode(), headers=headers)
    assert answer.status_code == 202
    assert stored(door) == ["run-1"]


def test_ten_thousand_items_and_sixteen_mebibytes_fit(door: Door, api: httpx.Client) -> None:
    body = json.dumps([run(f"r{number}", input_tokens=number) for number in range(10_000)]).encode()
    answer = api.post(RUNS, content=body.ljust(LIMIT), headers=JSON)
    assert answer.status_code == 202, answer.text[:500]
    assert answer.json()["accepted"] == 10_000
    totals = door.get("/api/agents/analytics")["totals"]
    assert (totals["runs"], totals["input_tokens"]) == (10_000, sum(range(10_000)))


def test_the_door_fills_updated_at_in(door: Door) -> None:
    given = run()
    del given["updated_at"]
    door.post(given, {**given, "run_id": "run-2", "updated_at": None})
    for run_id in ("run-1", "run-2"):
        assert door.get(f"{RUNS}/{run_id}")["updated_at"] == NOW.isoformat().replace("+00:00", "Z")


def test_a_uuid7_is_its_own_key_and_start(door: Door) -> None:
    key = "0193a5c0-7b1e-7c3f-9a51-2f0c6f3f1a10"
    answer = door.post(run(key.upper()))
    assert answer["runs"] == [{"index": 0, "run_id": key.upper(), "id": key}]
    assert answer["warnings"][0]["field"] == "started_at"
    assert door.get(f"{RUNS}/{key}")["started_at"] == "2024-12-08T10:11:15.358Z"


def test_no_broker_is_a_503_that_may_be_sent_again(door: Door, api: httpx.Client) -> None:
    door.publisher.lost = True
    response = api.post(RUNS, json=run())
    assert "safe to send again" in assert_problem(response, 503)["detail"]
    assert int(response.headers["retry-after"]) > 0
    assert_problem(api.post(RUNS, json=run(status="done")), 422)  # nothing to publish, so no broker is missed


@pytest.mark.parametrize(
    ("noun", "event", "name", "bad"),
    [
        ("feedback", FEEDBACK, "feedback_id", {"rating": 6}),
        ("lifecycle", LIFECYCLE, "event_id", {"to_state": ""}),
        ("activity", ACTIVITY, "event_id", {"properties": {"a": 1}}),
    ],
)
def test_the_other_events(
    door: Door, api: httpx.Client, noun: str, event: dict[str, Any], name: str, bad: dict[str, Any]
) -> None:
    answer = api.post(f"/api/v1/{noun}", json=[event, event])
    assert answer.status_code == 202
    receipts = [{"index": index, name: event[name], "id": event[name]} for index in range(2)]
    assert answer.json() == {"accepted": 2, "rejected": 0, noun: receipts, "warnings": []}
    problem = assert_problem(api.post(f"/api/v1/{noun}", json={**event, **bad, "extra": 1}), 422)
    assert problem["type"] == f"/problems/invalid-{noun}"
    assert [(error[name], error["field"]) for error in problem["errors"]] == [(event[name], next(iter(bad)))]
    table = {"feedback": "agent_feedback", "lifecycle": "agent_lifecycle", "activity": "user_activity"}[noun]
    assert door.publisher.store.query(f"SELECT count() AS events FROM {table}", {}) == [{"events": 1}]


def test_who_prefers_to_wait_is_told_whether_it_can_be_queried(door: Door, api: httpx.Client) -> None:
    answer = api.post(RUNS, json=[run("a"), run("b")], headers={"Prefer": "respond-async, wait=10"})
    assert answer.json()["queryable"] is True
    assert answer.headers["preference-applied"] == "wait=10"

    door.publisher.late = True
    late = api.post(RUNS, json=[run("c"), run("d", status="done")], headers={"Prefer": 'wait="0"'})
    assert assert_problem(late, 422)["queryable"] is False
    door.publisher.acknowledge("agent-runs.v1", 0, 1)
    door.publisher.acknowledge("agent-runs.v1", 3, 9)
    assert api.post(RUNS, json=[run("d"), run("e")], headers={"Prefer": "wait=0"}).json()["queryable"] is True
    assert "queryable" not in api.post(RUNS, json=run("f"), headers={"Prefer": "return=minimal"}).json()
    assert STREAM in {row["stream"] for row in door.publisher.store.query("SELECT stream FROM ingest_ledger", {})}
