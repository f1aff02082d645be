"""Processes, memory, ports and services of this machine; deadlines; and the report."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backends.waiting import eventually
from cli.doctor.examples import bad, the_bad_one
from runtally_cli.doctor import machine_facts
from runtally_cli.doctor.machine_checks import GIB, MIB, check_memory, check_ports, check_ready
from runtally_cli.doctor.machine_facts import Process, Ready, ask_ready, disk_space, memory_of_machine
from runtally_cli.doctor.probing import Probe
from runtally_cli.doctor.report import Report
from runtally_cli.doctor.unanswered import Unanswered
from runtally_cli.local import ports
from runtally_clickhouse.findings import Finding, Level, error, ok, unknown, warning

NODE = Process(2, "node", 400 * MIB)


@pytest.mark.parametrize(
    ("resident", "machine", "level"),
    [
        (100 * MIB, 16 * GIB, Level.OK),
        (1100 * MIB, 16 * GIB, Level.WARNING),
        (600 * MIB, 2 * GIB, Level.WARNING),
        (9 * GIB, 16 * GIB, Level.ERROR),
    ],
)
def test_the_local_broker_only_grows_and_the_way_out_is_told(resident: int, machine: int, level: Level) -> None:
    finding, _ = check_memory([Process(1, "broker", resident, in_memory=True), NODE], machine)

    assert finding.level is level
    assert f"{resident // MIB:,} MiB" in finding.message
    assert "170 MiB a million runs" in finding.message
    if level is not Level.OK:
        for way in (
            "docker compose up",
            "RUNTALLY_KAFKA_BOOTSTRAP",
            "RUNTALLY_CLICKHOUSE_URL",
            "RUNTALLY_BROKER=kafka",
        ):
            assert way in finding.remedy


def test_a_broker_on_disk_may_take_its_heap() -> None:
    assert bad(check_memory([Process(1, "broker", 1100 * MIB), NODE], 16 * GIB)) == []


def test_a_large_node_is_a_warning_and_a_missing_one_an_error() -> None:
    assert the_bad_one(check_memory([Process(2, "node", 5 * GIB)], 32 * GIB)).level is Level.WARNING
    assert the_bad_one(check_memory([], 32 * GIB)).level is Level.ERROR
    assert the_bad_one(check_memory(Unanswered("no ps"), 32 * GIB)).level is Level.UNKNOWN


@pytest.mark.parametrize("table", ["_from_proc", "_from_ps"])
def test_the_children_of_a_process_and_what_they_hold(table: str) -> None:
    if table == "_from_proc" and sys.platform != "linux":
        pytest.skip("there is no /proc")
    child = subprocess.Popen(["sleep", "60"])
    try:
        read = getattr(machine_facts, table)
        eventually(lambda: any("sleep 60" in command for _, _, command in read(os.getpid())))
        (resident,) = (resident for pid, resident, _ in read(os.getpid()) if pid == child.pid)
        assert 0 < resident < GIB
        assert all(pid != child.pid for pid, _, _ in read(1))
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("command", "kind", "in_memory"),
    [
        ("/opt/.calfkit/bin/tansu-v0.6.0-510f3e2 broker", "broker", True),
        ("java -Xmx512m -cp /a/* kafka.Kafka /data/tansu/kafka/server.properties", "broker", False),
        ("/venv/bin/python -m runtally_cli.local.node", "node", False),
        ("/venv/bin/python -m streamlit run app.py", "dashboard", False),
    ],
)
def test_a_part_is_known_by_its_command(
    monkeypatch: pytest.MonkeyPatch, command: str, kind: str, in_memory: bool
) -> None:
    for table in ("_from_proc", "_from_ps"):
        monkeypatch.setattr(machine_facts, table, lambda parent: [(7, 4096, command), (8, 4096, "/bin/sh -c guard")])

    assert machine_facts.stack_processes(1) == [Process(7, kind, 4096, in_memory)]


def test_memory_and_disk_of_this_machine() -> None:
    assert memory_of_machine() > 256 * MIB
    free, total = disk_space(Path("/nowhere/at/all"))
    assert 0 <= free <= total


class _Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body: dict[str, Any] = {"/ready": {"reasons": ["store: away", "consumer: stopped"]}, "/one": {"reason": "no"}}
        self.send_response(200 if self.path == "/fine" else 503)
        self.end_headers()
        self.wfile.write(json.dumps(body.get(self.path, [])).encode())

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def service() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/fine", ""), ("/ready", "store: away; consumer: stopped"), ("/one", "no"), ("/else", "status 503")],
)
def test_a_services_own_reasons_are_passed_on(service: int, path: str, reason: str) -> None:
    assert ask_ready("API", service, path).reason == reason


def test_a_service_that_is_away_matters_where_a_stack_runs() -> None:
    away = ask_ready("API", ports.pick_free())
    stopped = Ready("consumer", "http://127.0.0.1:9464/ready", "breaker open")

    assert the_bad_one(check_ready([away], local=True)).level is Level.ERROR
    assert list(check_ready([away], local=False)) == []
    assert "breaker open" in the_bad_one(check_ready([stopped], local=False)).message


def test_a_busy_port_is_told_with_its_variable() -> None:
    assert bad(check_ports({})) == []
    assert "RUNTALLY_UI_PORT" in the_bad_one(check_ports({"RUNTALLY_UI_PORT": 8501})).remedy


def _raises(error: Exception) -> int:
    raise error


def test_a_probe_that_hangs_or_dies_costs_its_own_answer_only() -> None:
    forever = threading.Event()

    hangs = Probe(forever.wait, 0.05)
    dead = Probe(lambda: _raises(RuntimeError("first line\nsecond line")), 5)
    fine = Probe(lambda: 7, 5)

    assert fine.answer() == 7
    assert dead.answer() == Unanswered("first line", "RuntimeError")
    assert hangs.answer() == Unanswered("no answer within 0.05 s")
    forever.set()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TimeoutError(), "no answer in time"),
        (KeyError(), "KeyError"),
        (OSError("Max retries exceeded with url: / (Caused by X(\"Y: [Errno 111] Connection refused\"))"),
         "Connection refused"),
    ],
)  # fmt: skip
def test_an_error_is_told_in_a_few_words(error: Exception, told: str) -> None:
    answer = Probe(lambda: _raises(error), 5).answer()

    assert isinstance(answer, Unanswered)
    assert answer.why == told


@pytest.mark.parametrize(("level", "remedy"), [(Level.OK, "do"), (Level.ERROR, ""), (Level.UNKNOWN, "")])
def test_whatever_is_not_ok_has_a_remedy(level: Level, remedy: str) -> None:
    with pytest.raises(ValueError, match="remedy"):
        Finding("area", level, "message", remedy)


REPORT = Report(
    "about",
    [
        ok("broker", "fine"),
        warning("settings", "odd", "set it"),
        error("store", "gone", "start it"),
        unknown("schema", "who knows", "mend it"),
        unknown("tables", "who knows", "mend it"),
    ],
)


def test_the_report_for_people_has_symbols_and_words() -> None:
    assert list(REPORT.lines()) == [
        "about",
        "✓ ok       broker    fine",
        "! warning  settings  odd",
        "                     remedy: set it",
        "✗ error    store     gone",
        "                     remedy: start it",
        "? unknown  schema    who knows",
        "? unknown  tables    who knows",
        "                     remedy: mend it",
        "errors 1, warnings 1, unknown 2, ok 1",
    ]


def test_a_terminal_without_the_symbols_gets_others() -> None:
    assert "\n".join(REPORT.lines("ascii")).isascii()
    assert "x error    store     gone" in REPORT.lines("ascii")


def test_the_report_for_programs() -> None:
    document = json.loads(json.dumps(REPORT.as_json()))

    assert (document["ok"], document["counts"]["unknown"]) == (False, 2)
    assert document["findings"][1] == {
        "area": "settings",
        "level": "warning",
        "message": "odd",
        "remedy": "set it",
    }
    assert Report("about", [warning("a", "b", "c")]).is_healthy
