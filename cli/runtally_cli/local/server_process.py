"""A server as a child process that can't outlive its parent.

The child is spawned through `/bin/sh`, which leaves a guard behind and becomes the server by
`exec`, so the pid is the server's own. The guard, in the server's process group, blocks on a pipe
whose other end only the owner holds: the kernel closes it when the owner dies, SIGKILL included,
and the guard then ends the group. PR_SET_PDEATHSIG would do this on Linux only, and fires when the
*thread* that spawned the child ends, not the process.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from runtally_cli.local import ports

_LOG_TAIL_LINES: Final = 25
_POLL_SECONDS: Final = 0.05

# $$ stays the outer shell's pid inside ( ... ), which is the server's after exec, and the group's.
_GUARDED_EXEC: Final = """
exec 3<&0 </dev/null
(
  trap '' TERM INT HUP
  read -r _ <&3
  kill -s TERM -- -$$ 2>/dev/null
  left=$1
  while [ "$left" -gt 0 ]; do
    kill -s 0 $$ 2>/dev/null || exit 0
    sleep 1
    left=$((left - 1))
  done
  kill -s KILL -- -$$
) &
shift
exec "$@" 3<&-
"""


class ServerDidNotStart(RuntimeError):
    """The server died or stayed silent; the message ends with the end of its log."""


@dataclass(frozen=True)
class ServerSpec:
    """What to run, and how to tell that it answers.

    `answers` is asked again and again, must return quickly, and must be true only for a server of
    the right kind. `lifeline` names a FIFO to live by instead of by this process. When the owner is gone
    the server gets SIGTERM, and SIGKILL after `orphan_grace_seconds`.
    """

    name: str
    command: Sequence[str]
    port: int
    log: Path
    answers: Callable[[int], bool]
    start_seconds: float
    environment: Mapping[str, str] = field(default_factory=dict)
    lifeline: Path | None = None
    orphan_grace_seconds: int = 10


class ServerProcess:
    """One run of a server: start it once, then stop or kill it."""

    def __init__(
        self,
        spec: ServerSpec,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._pause = pause
        self._child: subprocess.Popen[bytes] | None = None
        self._owner_end: int | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self) -> None:
        """Spawn and wait until it answers; raises ServerDidNotStart, leaving nothing behind."""
        self._spawn()
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    @property
    def log(self) -> Path:
        return self._spec.log

    def stop(self, grace_seconds: float) -> int | None:
        """SIGTERM, wait, SIGKILL; safe to call at any time and more than once.

        Returns the exit code, negative for the signal that ended it, None when it was not running.
        """
        if self._child is None:
            return None
        child = self._child
        if child.poll() is None:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(grace_seconds)
        self.kill()
        return child.returncode

    def kill(self) -> None:
        """SIGKILL to the server and all it spawned; returns when the server is gone."""
        if self._child is None:
            return
        end_group(self._child.pid)
        self._child.wait()
        self._child = None
        if self._owner_end is not None:
            os.close(self._owner_end)
            self._owner_end = None

    def _spawn(self) -> None:
        spec = self._spec
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        guard_end = self._open_lifeline()
        try:
            with spec.log.open("ab") as log:
                self._child = subprocess.Popen(
                    ["/bin/sh", "-c", _GUARDED_EXEC, spec.name, str(spec.orphan_grace_seconds), *spec.command],
                    stdin=guard_end,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **spec.environment},
                    start_new_session=True,
                )
        finally:
            os.close(guard_end)

    def _open_lifeline(self) -> int:
        if self._spec.lifeline is None:
            guard_end, self._owner_end = os.pipe()
            return guard_end
        # Without O_NONBLOCK this would wait for a writer; with no writer the guard must fire at once.
        guard_end = os.open(self._spec.lifeline, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(guard_end, True)
        return guard_end

    def _wait_until_it_answers(self) -> None:
        spec = self._spec
        deadline = self._clock() + spec.start_seconds
        while True:
            # Its own death first: an answer could come from a stranger who took the port.
            if self.pid is None:
                code = self._child.returncode if self._child is not None else None
                raise ServerDidNotStart(self._account(f"ended with code {code} before it answered"))
            if spec.answers(spec.port):
                return
            if self._clock() >= deadline:
                raise ServerDidNotStart(self._account(f"did not answer within {spec.start_seconds:g} s"))
            self._pause(_POLL_SECONDS)

    def _account(self, what: str) -> str:
        spec = self._spec
        return f"{spec.name} {what} on {ports.LOOPBACK}:{spec.port}; the end of {spec.log}:\n{tail(spec.log)}"


def end_group(group: int) -> None:
    """SIGKILL to a process group, which may be gone already."""
    # macOS answers EPERM for a group that holds only zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def tail(log: Path) -> str:
    """The last lines of a log, or a word that there are none."""
    if not log.exists():
        return "(no log)"
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_TAIL_LINES:]) or "(empty)"
