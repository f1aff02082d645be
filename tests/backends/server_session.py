"""The servers of one pytest run: started once by whoever asks first, gone when the run is.

pytest's main process owns the folder and a FIFO's writing end. A server, whichever worker spawned it,
lives by that FIFO (see `runtally_cli.local.server_process`): it outlives a worker that dies, and ends with
the main process, SIGKILL included.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from backends.plan import BackendMissing, Kind
from runtally_cli.local.server_process import end_group


@dataclass(frozen=True)
class Started:
    """What the other workers need to know of a server. `group` is its process group, if it has one."""

    kind: Kind
    address: str
    told: str
    group: int | None = None
    error: str | None = None


class Stoppable(Protocol):
    """A server that this process started."""

    def stop(self) -> None: ...


class ServerSession:
    """One run's folder, seen from one of its processes."""

    def __init__(self, folder: Path, worker: str, writer: int | None = None) -> None:
        self.folder = folder
        self.worker = worker
        self._writer = writer
        self._kept: list[Stoppable] = []

    @classmethod
    def create(cls) -> "ServerSession":
        """For pytest's main process, which must `close` it."""
        folder = Path(tempfile.mkdtemp(prefix="runtally-tests-"))
        os.mkfifo(folder / "lifeline")
        # A FIFO can't be opened for writing alone before it has a reader.
        reader = os.open(folder / "lifeline", os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(folder / "lifeline", os.O_WRONLY)
        os.close(reader)
        return cls(folder, "main", writer)

    @property
    def lifeline(self) -> Path:
        return self.folder / "lifeline"

    def share(self, name: str, start: Callable[[], tuple[Started, Stoppable | None]]) -> Started:
        """The server called `name`: the first caller of the run starts it, the others wait for that.

        `start` returns the word for the others and the object that runs the server, if this process
        has to stop it. When it raised for one worker, it raises for all.
        """
        record = self.folder / f"{name}.json"
        with self._locked(name):
            if not record.exists():
                self._start(record, start)
            started = Started(**json.loads(record.read_text()))
        if started.error is not None:
            raise BackendMissing(started.error)
        return started

    def told(self) -> dict[str, list[str]]:
        """What was started, by name, for people."""
        told: dict[str, list[str]] = {}
        for record in sorted(self.folder.glob("*.json")):
            text = Started(**json.loads(record.read_text())).told
            told.setdefault(record.stem.split("@")[0], []).append(text)
        return told

    def close(self) -> None:
        """End every server at once (their data is temporary too) and remove the folder."""
        for record in self.folder.glob("*.json"):
            group = Started(**json.loads(record.read_text())).group
            if group is not None:
                end_group(group)
        for server in self._kept:
            server.stop()
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, record: Path, start: Callable[[], tuple[Started, Stoppable | None]]) -> None:
        try:
            started, server = start()
            if server is not None:
                self._kept.append(server)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            started = Started(kind="local", address="", told=f"failed: {reason}", error=reason)
        scratch = record.with_suffix(".tmp")
        scratch.write_text(json.dumps(asdict(started)))
        scratch.rename(record)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
