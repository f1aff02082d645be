"""`runtally up` as a newcomer uses it: ports, Ctrl-C, what is left behind, what is there again."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from backends.waiting import eventually
from integration.answers import post, totals_until
from integration.stacks import RUNTALLY, free_ports, start, stop, wait_ready

SCOPE = {"from": "2026-03-01", "to": "2026-03-31"}
only_with_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes in /proc")


def _runs(count: int) -> list[dict[str, object]]:
    return [
        {
            "run_id": f"r{n}",
            "workspace_id": "acme",
            "agent_id": "planner",
            "status": "succeeded",
            "started_at": f"2026-03-{1 + n % 31:02d}T00:00:00Z",
            "updated_at": "2026-04-01T00:00:00Z",
        }
        for n in range(count)
    ]


def _left_behind(folder: Path) -> list[str]:
    """The command lines of processes that were started for this data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@contextmanager
def _up(environment: dict[str, str], folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    process = start(["up"], environment, folder / "up.log")
    url = f"http://127.0.0.1:{environment['RUNTALLY_API_PORT']}"
    try:
        wait_ready(process, url, folder / "up.log")
        with httpx.Client(base_url=url, timeout=60) as client:
            yield process, client
    finally:
        stop(process)


@only_with_proc
def test_what_was_posted_before_ctrl_c_is_there_after_a_restart_and_no_process_is_left(tmp_path: Path) -> None:
    environment = free_ports(tmp_path)
    with _up(environment, tmp_path) as (process, client):
        post(client, _runs(3000))
        # At once: the records are still in the broker, which forgets them when it stops.
        assert stop(process, signal.SIGINT) == 0
    eventually(lambda: not _left_behind(tmp_path), 10, f"end of {_left_behind(tmp_path)}")
    with _up(environment, tmp_path) as (process, client):
        totals_until(client, 3000, **SCOPE)
        post(client, _runs(3001))
        totals_until(client, 3001, **SCOPE)
        told = subprocess.run([*RUNTALLY, "status"], env=environment, capture_output=True, text=True, check=False)
        assert (told.returncode, told.stdout.count("ready")) == (0, 3), told.stdout + told.stderr
        second = subprocess.run([*RUNTALLY, "up"], env=environment, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert "belongs to a running stack" in second.stderr
        ended = subprocess.run([*RUNTALLY, "down"], env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert process.wait(10) == 0
    assert not _left_behind(tmp_path)


@only_with_proc
def test_an_interrupt_to_make_alone_reaches_the_stack(tmp_path: Path) -> None:
    command = f'{sys.executable} -c "from runtally_cli.entry import run; run()" up'
    (tmp_path / "Makefile").write_text(f"up:\n\t@exec {command}\n")
    environment = free_ports(tmp_path / "data")
    log = tmp_path / "make.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            # A shell that starts the tests in its background makes them, and so make, ignore interrupts.
            ["env", "--default-signal=INT", "make", "-C", str(tmp_path), "up"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_ready(process, f"http://127.0.0.1:{environment['RUNTALLY_API_PORT']}", log)
    finally:
        stop(process, signal.SIGINT)
    eventually(lambda: not _left_behind(tmp_path / "data"), 10, f"end of {_left_behind(tmp_path / 'data')}")


@only_with_proc
def test_a_stack_whose_supervisor_is_killed_ends_too(tmp_path: Path) -> None:
    environment = free_ports(tmp_path)
    with _up(environment, tmp_path) as (process, _):
        process.kill()
        eventually(lambda: not _left_behind(tmp_path), 30, f"end of {_left_behind(tmp_path)}")


@only_with_proc
def test_a_killed_node_is_started_again_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    environment = free_ports(tmp_path)
    with _up(environment, tmp_path) as (process, client):
        post(client, _runs(4000))
        (node,) = _pids(tmp_path, "runtally_cli.local.node")
        os.kill(node, signal.SIGKILL)
        wait_ready(process, str(client.base_url).rstrip("/"), tmp_path / "up.log")
        totals_until(client, 4000, **SCOPE)
        assert "the node ended by itself: starting it again" in (tmp_path / "up.log").read_text()


def _pids(folder: Path, command: str) -> list[int]:
    """The processes started for this data folder whose own command (not a guard's) holds the text."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if str(folder).encode() in (process / "environ").read_bytes() and command.encode() in words[1:3]:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_a_busy_port_gets_a_sentence_and_starts_nothing(tmp_path: Path) -> None:
    environment = free_ports(tmp_path)
    with socket.create_server(("127.0.0.1", int(environment["RUNTALLY_UI_PORT"]))):
        refused = subprocess.run([*RUNTALLY, "up"], env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    port = environment["RUNTALLY_UI_PORT"]
    assert refused.stderr.strip() == f"runtally: port {port} is in use: set RUNTALLY_UI_PORT to another"
    assert not (tmp_path / "store").exists()


def test_a_setting_that_cannot_be_is_named(tmp_path: Path) -> None:
    environment = {**free_ports(tmp_path), "RUNTALLY_API_PORT": "eighty"}
    refused = subprocess.run([*RUNTALLY, "up"], env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "RUNTALLY_API_PORT" in refused.stderr
    assert "Traceback" not in refused.stderr
