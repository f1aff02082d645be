"""Stand-ins for what an import meets outside: a producer in memory, and a way to run the command in this process."""

import asyncio
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from runtally_cli.importing.command import Exit, ImportRequest, run_import

MAPS = Path(__file__).parent / "maps"


@dataclass(frozen=True)
class Acknowledgement:
    partition: int
    offset: int


@dataclass
class MemoryProducer:
    """Acknowledges each record when the loop turns; the broker fails from the record `fails_at` on."""

    fails_at: int | None = None
    error: Exception = field(default_factory=lambda: ConnectionError("gone"))
    records: list[tuple[bytes, bytes]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    async def send(self, topic: str, value: bytes, key: bytes) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        asyncio.get_running_loop().call_soon(self._settle, future, key, value)
        return future

    def _settle(self, future: "asyncio.Future[Any]", key: bytes, value: bytes) -> None:
        self.in_flight -= 1
        if self.fails_at is not None and len(self.records) >= self.fails_at:
            future.set_exception(self.error)
            return
        partition = key[-1] % 3
        offset = sum(known[-1] % 3 == partition for known, _ in self.records)
        self.records.append((key, value))
        future.set_result(Acknowledgement(partition, offset))


@dataclass(frozen=True)
class Outcome:
    """How an import ended, and what it said."""

    code: Exit
    said: str
    progress: str


def run(request: ImportRequest, environment: Mapping[str, str]) -> Outcome:
    """The command in this process."""
    said: list[str] = []
    progress = io.StringIO()
    code = run_import(request, environment, said.append, Console(file=progress, force_terminal=False))
    return Outcome(code, "\n".join(said), progress.getvalue())
