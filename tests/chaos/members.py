"""Processes of ours that a test starts, stops, freezes and kills. They end when the test's process does."""

import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaos.kill_points import KillPoint
from runtally_cli.local.ports import LOOPBACK
from runtally_cli.local.server_process import ServerProcess, ServerSpec, tail

START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 60.0
_ENTRY: Final = Path(__file__).with_name("member.py")


@dataclass(frozen=True)
class Doom:
    """Where a member kills itself: the `count`-th time that it comes there, so long into what lasts."""

    point: KillPoint
    count: int = 1
    delay_seconds: float = 0.0


class Service:
    """One process that answers over HTTP."""

    def __init__(self, name: str, command: Sequence[str], port: int, environment: Mapping[str, str], log: Path) -> None:
        self.port = port
        self._name = name
        self._command = command
        self._environment = environment
        self._log = log
        self._process: ServerProcess | None = None
        self._code: int | None = None

    def start(self, answers: Callable[[int], bool]) -> None:
        """Returns once it answers. Raises `ServerDidNotStart`."""
        spec = ServerSpec(
            name=self._name,
            command=self._command,
            port=self.port,
            log=self._log,
            answers=answers,
            start_seconds=START_SECONDS,
            environment=self._environment,
        )
        self._process = ServerProcess(spec)
        self._process.start()

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.pid is not None

    def signal(self, number: signal.Signals) -> None:
        pid = self._process.pid if self._process else None
        if pid is not None:
            os.kill(pid, number)

    def stop(self) -> int | None:
        """SIGTERM, wait, SIGKILL. The exit code, negative for a signal; the same however often it is asked."""
        if self._process is not None:
            self.signal(signal.SIGCONT)
            self._code = self._process.stop(STOP_SECONDS)
            self._process = None
        return self._code

    def kill(self) -> None:
        """SIGKILL, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process = None
            self._code = -signal.SIGKILL

    def told(self) -> str:
        return tail(self._log)


class Member(Service):
    """A consumer. With a doom it kills itself there."""

    def __init__(self, environment: Mapping[str, str], log: Path, doom: Doom | None = None) -> None:
        arguments = [doom.point, str(doom.count), f"{doom.delay_seconds:f}"] if doom else []
        command = [sys.executable, str(_ENTRY), *arguments]
        super().__init__("member", command, int(environment["RUNTALLY_CONSUMER_PORT"]), environment, log)
        self.doom = doom


def answers_ready(port: int) -> bool:
    return _status(port, "/ready") == 200


def answers_live(port: int) -> bool:
    return _status(port, "/live") == 200


def has_stored(port: int) -> bool:
    """Whether the consumer at this port has had records of its own, and stored some."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=2) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return False
    counts = [line.rsplit(" ", 1)[1] for line in lines if line.startswith("runtally_consumer_accepted_records_total{")]
    return sum(map(float, counts)) > 0


def _status(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (urllib.error.URLError, OSError, ValueError):
        return 0
