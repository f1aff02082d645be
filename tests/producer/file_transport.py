"""For tests over several processes: delivers into a file, one line a record, with the process that sent it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runtally import EmitterSettings, Receipt, Record, RunEmitter


class FileTransport:
    def __init__(self, path: Path) -> None:
        self.path = path

    async def send(self, records: Sequence[Record]) -> Receipt:
        lines = "".join(json.dumps({"pid": os.getpid(), **json.loads(record.value)}) + "\n" for record in records)
        with self.path.open("a") as file:
            file.write(lines)
        return Receipt()

    async def close(self) -> None:
        pass

    def after_fork(self) -> None:
        pass


def file_emitter(path: str, **given: Any) -> RunEmitter:
    return RunEmitter(EmitterSettings(agent_id="planner", **given), transport=FileTransport(Path(path)))
