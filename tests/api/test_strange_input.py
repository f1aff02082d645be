"""Nothing that a caller sends is a fault of ours: every answer is clear, and none is a 5xx."""

import httpx
import pytest
from api.door import Door, assert_problem, run

STRANGE = [
    "a/b",
    "/",
    "a//b/",
    "..",
    "../../etc/passwd",
    "%2F",
    "100%",
    "a?b=c#d",
    "🤖",
    "a b",
    "line\nend\n",
    "cr\r\n",
    "tab\t",
    "nul\0nul",
    "quote'\"`",
    "back\\slash\\",
    "\\N",
    "{x:String}",
    "NULL",
    "'; DROP TABLE agent_runs; --",
    "ÿ\u2028\ufffe",
    "x" * 128,
    "feedback",
    "0193a5c0-7b1e-4c3f-9a51-2f0c6f3f1a10",
]
GETS = [
    "/api/agents/analytics",
    "/api/v1/analytics/usage",
    "/api/v1/analytics/agents",
    "/api/v1/analytics/models",
    "/api/v1/analytics/summary",
    "/api/v1/errors",
    "/api/v1/errors/patterns",
    "/api/v1/integrity",
    "/api/v1/workspaces",
    "/api/v1/runs",
    "/api/v1/runs/none",
]
FILTERS = [
    "workspace_id", "agent_id", "model", "user_id", "environment", "parent_run_id", "session_id", "agent_version",
    "error_type", "error_category", "error_severity",
]  # fmt: skip


def quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def test_any_text_is_an_id(door: Door, api: httpx.Client) -> None:
    door.post(*(run(text, workspace_id=text, agent_id=text, session_id=text) for text in STRANGE))

    for text in STRANGE:
        found = api.get(f"/api/v1/runs/{quoted(text)}")
        assert found.status_code == 200, (text, found.text)
        assert (found.json()["run_id"], found.json()["workspace_id"]) == (text, text)
        for name in ("workspace_id", "agent_id", "session_id"):
            listed = door.get("/api/v1/runs", **{name: [text, "no such name"]})
            assert [entry["run_id"] for entry in listed["data"]] == [text]
    everyone = door.get("/api/agents/analytics", workspace_id=STRANGE)
    assert everyone["totals"]["runs"] == len(STRANGE)
    assert {agent["agent_id"] for agent in everyone["agents"]} == set(STRANGE)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/runs/" + "x" * 5000,
        "/api/v1/runs/%FF%FE",
        "/api/v1/runs/%00",
        "/api/v1/runs/%ED%A0%80",
        "/api/v1/runs/ffffffff-ffff-7fff-bfff-ffffffffffff",
        "/api/v1/runs/00000000-0000-7000-8000-000000000000",
        "/api/v1/runs/0193a5c0-7b1e-7c3f-9a51-2f0c6f3f1a10",
        "/api/v1/nothing",
        "/%FF",
        "/",
    ],
)
def test_what_is_not_there_is_a_404(api: httpx.Client, path: str) -> None:
    assert_problem(api.get(path), 404)


@pytest.mark.parametrize("path", GETS)
@pytest.mark.parametrize(
    "query",
    [
        "from=2026-13-01",
        "from=yesterday",
        "from=%FF%00",
        "from=1970-01-01",
        "to=1970-01-01T00:00:00Z",
        "from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z&timezone=America/New_York",
        "from=9999-12-31T00:00:00Z&to=9999-12-31T23:59:59Z&timezone=Pacific/Auckland",
        "from=-99999w&to=-99998w",
        "from=2026-11-21T00:00:00",
        "from=2026-11-02&to=2026-11-01",
        "from=2026-11-02T00:00:00Z&to=2026-11-02T00:00:00Z",
        "from=2025-01-01&to=2026-11-01",
        "timezone=Mars/Olympus",
        "timezone=..%2F..%2Fetc%2Fpasswd",
        "timezone=%00",
        "timezone=" + "x" * 300,
        "timezone=Europe",
        "timezone=right/Europe/Berlin",
        "status=done",
        "status=%F0%9F%A4%96",
        "root_only=perhaps",
    ],
)
def test_a_bad_question_says_which_parameter(api: httpx.Client, path: str, query: str) -> None:
    problem = assert_problem(api.get(f"{path}?{query}"), 422)
    named = {error["field"] for error in problem["errors"]}
    assert named
    assert named <= {"from", "to", "timezone", "status", "root_only"}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/runs?limit=0", "limit"),
        ("/api/v1/runs?limit=1001", "limit"),
        ("/api/v1/runs?limit=ten", "limit"),
        ("/api/v1/runs?limit=" + "9" * 5000, "limit"),
        ("/api/v1/runs?cursor=%F0%9F%A4%96", "cursor"),
        ("/api/v1/runs?cursor=e30", "cursor"),
        # [0, "00000000-0000-7000-8000-000000000000", "\ud800"], then a time beyond all, then a nest
        ("/api/v1/runs?cursor=WzAsICIwMDAwMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAiLCAiXHVkODAwIl0", "cursor"),
        ("/api/v1/runs?cursor=WzllOTksICIwMDAwMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAiLCAiIl0", "cursor"),
        ("/api/v1/runs?cursor=" + "W1tb" * 4000, "cursor"),
        ("/api/agents/analytics?agent_limit=0", "agent_limit"),
        ("/api/agents/analytics?agent_limit=1001", "agent_limit"),
        ("/api/v1/analytics/agents?agent_limit=1.5", "agent_limit"),
    ],
)
def test_a_bad_limit_or_cursor_says_so(api: httpx.Client, path: str, field: str) -> None:
    problem = assert_problem(api.get(path), 422)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_filters_may_be_strange_and_many(door: Door, api: httpx.Client) -> None:
    door.post(run())
    for path in GETS[:-1]:
        query = "&".join(f"{name}={quoted(text)}" for name in FILTERS for text in STRANGE)
        answer = api.get(f"{path}?{query}&workspace_id=%FF&agent_id=%00&model=")
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/runs", {"GET", "POST"}),
        ("POST", "/api/v1/runs/some-id", {"GET"}),
        ("PUT", "/api/agents/analytics", {"GET"}),
        ("GET", "/api/v1/lifecycle", {"POST"}),
        ("BREW", "/live", {"GET"}),
    ],
)
def test_a_method_that_is_not_there_is_a_405(api: httpx.Client, method: str, path: str, allowed: set[str]) -> None:
    response = api.request(method, path)
    assert_problem(response, 405)
    assert set(response.headers["allow"].split(", ")) <= allowed


@pytest.mark.parametrize("path", [*GETS[:-1], "/live", "/ready", "/metrics", "/openapi.json"])
def test_head_is_get_without_the_body(api: httpx.Client, path: str) -> None:
    response = api.head(path)
    assert response.status_code == 200
    assert response.content == b""
    assert int(response.headers["content-length"]) > 0


def test_a_trailing_slash_leads_to_the_list(door: Door, api: httpx.Client) -> None:
    door.post(run())
    assert len(api.get("/api/v1/runs/", follow_redirects=True).json()["data"]) == 1


def test_a_fault_of_ours_tells_no_internals(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret host and password")

    monkeypatch.setattr("runtally_api.saved_questions.read_freshness", broken)

    response = door.client.get("/api/agents/analytics", headers={"X-Request-ID": "request-7"})

    problem = assert_problem(response, 500)
    assert problem["request_id"] == "request-7"
    assert "secret" not in response.text
    assert 'route="/api/agents/analytics",status="500"' in door.client.get("/metrics").text
