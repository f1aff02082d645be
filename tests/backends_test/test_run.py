"""A whole pytest run inside a test: its servers serve all workers, and never outlive it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from backends.waiting import eventually
from runtally_cli.local import ports

_TESTS = Path(__file__).parents[1]

_USES_THE_BROKER = """
    import os, socket, threading
    from pathlib import Path

    def connect(kafka):
        host, port = kafka.bootstrap.split(":")
        socket.create_connection((host, int(port)), timeout=5).close()
        Path("address").write_text(port)
"""


def _run(folder: Path, code: str, *arguments: str, demand: str) -> subprocess.Popen[str]:
    (folder / "test_inner.py").write_text(re.sub(r"(?m)^    ", "", _USES_THE_BROKER + code))
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "backends.plugin", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, "RUNTALLY_TEST_BACKENDS": demand, "PYTHONPATH": str(_TESTS)}
    # A run that is killed can't remove its folder: it must lie where the outer run's own do.
    environment["TMPDIR"] = str(folder)
    # What an outer run under xdist tells its workers is not meant for this one.
    for name in [name for name in environment if name.startswith(("PYTEST_", "COV_"))]:
        del environment[name]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def test_one_broker_serves_the_run_though_the_worker_that_started_it_dies(tmp_path: Path) -> None:
    code = """
    def test_1_starts_it_and_dies(kafka):
        connect(kafka)
        os._exit(1)

    def test_2_finds_it_running(kafka):
        connect(kafka)
        assert Path("address").read_text() == kafka.bootstrap.split(":")[1]

    def test_3_the_same_one(kafka):
        before = Path("address").read_text()
        connect(kafka)
        assert Path("address").read_text() == before
    """
    with _run(tmp_path, code, "-n", "1", demand="local") as run:
        said, _ = run.communicate(timeout=60)

    assert "1 failed, 2 passed" in said
    assert re.search(r"(?m)^kafka: local, Tansu in [\d.]+ s by gw0 \(demanded\)$", said)
    assert "clickhouse: no test asked for it" in said
    assert not ports.answers(int((tmp_path / "address").read_text()))


def test_the_broker_ends_when_the_run_is_killed(tmp_path: Path) -> None:
    code = """
    def test_waits_for_ever(kafka):
        connect(kafka)
        Path("ready").touch()
        threading.Event().wait()
    """
    with _run(tmp_path, code, demand="local") as run:
        eventually((tmp_path / "ready").exists, seconds=60)
        port = int((tmp_path / "address").read_text())
        assert ports.answers(port)
        run.send_signal(signal.SIGKILL)

    eventually(lambda: not ports.answers(port))


def test_a_skip_is_a_failure_where_native_backends_are_demanded(tmp_path: Path) -> None:
    code = """
    import pytest

    def test_skips():
        pytest.skip("no browser")

    @pytest.mark.xfail(strict=True)
    def test_is_known_to_fail():
        assert False
    """
    with _run(tmp_path, code, demand="native") as run:
        said, _ = run.communicate(timeout=60)

    assert "1 failed, 1 xfailed" in said
    assert "skipped, with RUNTALLY_TEST_BACKENDS=native: no browser" in said
