"""Exits and forks, in processes of their own: what is emitted arrives, once, and nobody waits for ever."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
OPENING = """
import os, sys, threading
sys.path.append(sys.argv[2])
from producer.file_transport import file_emitter
"""


def agent(script: str, tmp_path: Path) -> tuple["subprocess.CompletedProcess[str]", list[dict[str, Any]]]:
    """Run a program with an emitter; what it did, and what was delivered."""
    delivered = tmp_path / "delivered"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", OPENING + script, str(delivered), str(TESTS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"RUNTALLY_KAFKA_BOOTSTRAP": "127.0.0.1:1"},
    )
    lines = delivered.read_text().splitlines() if delivered.exists() else []
    return done, [json.loads(line) for line in lines]


def test_a_program_that_just_ends_delivers_its_runs(tmp_path: Path) -> None:
    done, delivered = agent(
        """
emitter = file_emitter(sys.argv[1], linger_seconds=60.0)
with emitter.run():
    pass
""",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [run["status"] for run in delivered] == ["running", "succeeded"]


def test_a_program_that_dies_of_an_error_does_too(tmp_path: Path) -> None:
    done, delivered = agent(
        """
emitter = file_emitter(sys.argv[1], linger_seconds=60.0)
with emitter.run():
    raise ValueError("boom")
""",
        tmp_path,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: boom\n")
    assert [run["status"] for run in delivered] == ["running", "failed"]


def test_threads_that_outlive_the_main_one_are_heard(tmp_path: Path) -> None:
    done, delivered = agent(
        """
emitter = file_emitter(sys.argv[1], linger_seconds=60.0)
main = threading.main_thread()
def work():
    main.join()
    emitter.run().finish()
threading.Thread(target=work).start()
""",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(delivered) == 1


@pytest.mark.parametrize("url", ["", "http://localhost:1"])
def test_no_broker_no_harm(tmp_path: Path, url: str) -> None:
    started = time.monotonic()
    done, _ = agent(
        f"""
from runtally import EmitterSettings, RunEmitter
emitter = RunEmitter(EmitterSettings.from_environment(agent_id="planner", api_url="{url}", flush_seconds=0.3))
with emitter.run():
    pass
""",
        tmp_path,
    )
    assert done.returncode == 0
    assert time.monotonic() - started < 10
    lines = done.stderr.splitlines()
    assert all("cannot deliver" in line or "did not reach" in line for line in lines), done.stderr
    assert "2 messages did not reach" in lines[-1]


def test_a_forked_child_sends_its_own_and_never_its_parents(tmp_path: Path) -> None:
    done, delivered = agent(
        """
emitter = file_emitter(sys.argv[1], linger_seconds=60.0)
with emitter.run("parent") as outer:
    child = os.fork()
    if child == 0:
        assert emitter.stats.buffered == 0
        with emitter.run("child"):
            pass
        emitter.close()
        assert emitter.stats.sent == 2
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
""",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    by_process: dict[int, list[dict[str, Any]]] = {}
    for run in delivered:
        by_process.setdefault(run["pid"], []).append(run)
    child, parent = sorted(by_process.values(), key=lambda runs: str(runs[0]["agent_id"]))
    assert [(run["agent_id"], run["status"]) for run in child] == [("child", "running"), ("child", "succeeded")]
    assert [(run["agent_id"], run["status"]) for run in parent] == [("parent", "running"), ("parent", "succeeded")]
    assert {run["parent_run_id"] for run in child} == {parent[0]["run_id"]}


def test_forks_while_threads_emit_do_not_deadlock(tmp_path: Path) -> None:
    done, delivered = agent(
        """
emitter = file_emitter(sys.argv[1])
stop = threading.Event()
def work():
    while not stop.wait(0.0005):  # more than a busy machine delivers would fill the buffer, which is another test
        emitter.run("thread").finish()
workers = [threading.Thread(target=work) for _ in range(3)]
for worker in workers:
    worker.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        emitter.run("child").finish()
        emitter.close()
        os._exit(emitter.stats.sent != 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for worker in workers:
    worker.join()
emitter.close(30)
assert emitter.stats.dropped == 0, emitter.stats
""",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    ids = [run["run_id"] for run in delivered]
    assert len(ids) == len(set(ids))
    assert sum(run["agent_id"] == "child" for run in delivered) == 20


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_deliver_when_they_end(tmp_path: Path, method: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        OPENING
        + f"""
import multiprocessing
emitter = file_emitter(sys.argv[1], linger_seconds=60.0)
def work():
    emitter.run("child").finish()
if __name__ == "__main__":
    emitter.run("parent").finish()
    process = multiprocessing.get_context("{method}").Process(target=work)
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""
    )
    delivered = tmp_path / "delivered"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program), str(delivered), str(TESTS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(json.loads(line)["agent_id"] for line in delivered.read_text().splitlines()) == ["child", "parent"]


def test_a_killed_agent_takes_only_its_buffer_along(tmp_path: Path) -> None:
    done, delivered = agent(
        """
emitter = file_emitter(sys.argv[1], linger_seconds=60.0)
emitter.run("one").finish()
emitter.flush(0)
os.kill(os.getpid(), 9)
""",
        tmp_path,
    )
    assert (done.returncode, delivered) == (-9, [])
