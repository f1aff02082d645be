import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from backends.waiting import eventually
from runtally_cli.local import ports
from runtally_cli.local.server_process import ServerDidNotStart, ServerProcess, ServerSpec

# A server of two processes, both deaf to SIGTERM: it writes down the two pids, then listens.
_STUBBORN = """
import os, signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    while True: time.sleep(60)
print(os.getpid(), child, flush=True)
with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen()
    while True: time.sleep(60)
"""
_POLITE = _STUBBORN.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "")

# Starts a server as any owner would, says so, and waits to be killed.
_OWNER = """
import sys, threading
from pathlib import Path
from runtally_cli.local import ports
from runtally_cli.local.server_process import ServerProcess, ServerSpec
code, port, log = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
command = [sys.executable, "-c", code, str(port)]
server = ServerProcess(ServerSpec("test", command, port, log, ports.answers, 20, orphan_grace_seconds=1))
# The thread that spawns the server ends at once; the server must not mind.
starter = threading.Thread(target=server.start)
starter.start()
starter.join()
print("ready", flush=True)
threading.Event().wait()
"""


def _spec(code: str, log: Path, *, start_seconds: float = 20.0, lifeline: Path | None = None) -> ServerSpec:
    port = ports.pick_free()
    command = [sys.executable, "-c", code, str(port)]
    return ServerSpec("test", command, port, log, ports.answers, start_seconds, lifeline=lifeline)


def _runs(pid: int) -> bool:
    """Whether it runs: a zombie that nobody has waited for yet does not."""
    try:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError:
        return False
    return not state.stdout.strip().startswith("Z")


def _pids(log: Path) -> list[int]:
    return [int(pid) for pid in log.read_text().split()]


def test_the_pid_is_the_servers_own(tmp_path: Path) -> None:
    server = ServerProcess(_spec(_POLITE, tmp_path / "log"))
    server.start()

    assert server.pid == _pids(tmp_path / "log")[0]
    server.kill()


@pytest.mark.parametrize(("code", "grace"), [(_POLITE, 20.0), (_STUBBORN, 0.1)])
def test_stop_ends_the_server_and_what_it_spawned(code: str, grace: float, tmp_path: Path) -> None:
    server = ServerProcess(_spec(code, tmp_path / "log"))
    server.start()
    pids = _pids(tmp_path / "log")

    server.stop(grace)

    assert server.pid is None
    eventually(lambda: not any(_runs(pid) for pid in pids))
    server.stop(grace)


def test_a_server_that_dies_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = ServerProcess(_spec("import sys; print('no disk'); sys.exit(7)", tmp_path / "log"))

    with pytest.raises(ServerDidNotStart, match=r"(?s)test ended with code 7 before it answered.*no disk"):
        server.start()


def test_a_server_that_stays_silent_is_ended_at_its_deadline(tmp_path: Path) -> None:
    now = iter(range(1000))
    server = ServerProcess(
        _spec("import time; time.sleep(600)", tmp_path / "log", start_seconds=5),
        clock=lambda: next(now),
        pause=lambda _: None,
    )

    with pytest.raises(ServerDidNotStart, match="did not answer within 5 s"):
        server.start()

    assert server.pid is None


@pytest.mark.parametrize("code", [_POLITE, _STUBBORN])
def test_the_server_ends_when_its_owner_is_killed(code: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    arguments = [code, str(ports.pick_free()), str(log)]
    with subprocess.Popen([sys.executable, "-c", _OWNER, *arguments], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        pids = _pids(log)
        assert all(_runs(pid) for pid in pids)
        owner.kill()

    eventually(lambda: not any(_runs(pid) for pid in pids), seconds=30)


def test_a_server_on_a_lifeline_outlives_its_owner_and_ends_with_the_lifelines_holder(tmp_path: Path) -> None:
    lifeline = tmp_path / "lifeline"
    os.mkfifo(lifeline)
    holder = os.open(lifeline, os.O_RDWR)
    server = ServerProcess(_spec(_POLITE, tmp_path / "log", lifeline=lifeline))
    server.start()
    try:
        pids = _pids(tmp_path / "log")
        assert all(_runs(pid) for pid in pids)
        os.close(holder)

        eventually(lambda: not any(_runs(pid) for pid in pids), seconds=30)
        assert server.pid is None
    finally:
        server.kill()


def test_a_lifeline_that_nobody_holds_ends_the_server_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lifeline")
    server = ServerProcess(_spec(_POLITE, tmp_path / "log", lifeline=tmp_path / "lifeline"))

    with pytest.raises(ServerDidNotStart, match=f"code -{int(signal.SIGTERM)}"):
        server.start()
