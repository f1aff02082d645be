"""What the doctor asks of this machine: processes and their memory, ports, the disk, the services' own /ready."""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runtally_cli.local.ports import LOOPBACK

PS_SECONDS: Final = 3
READY_SECONDS: Final = 3
_KINDS: Final = {
    "tansu": "broker",
    "kafka.Kafka": "broker",
    "runtally_cli.local.node": "node",
    "streamlit": "dashboard",
}


@dataclass(frozen=True, slots=True)
class Process:
    """A part of the running stack. `in_memory`: a broker that keeps its records there."""

    pid: int
    kind: str
    resident: int
    in_memory: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """What a service says of itself; `reason` is empty when it is ready."""

    name: str
    url: str
    reason: str


def stack_processes(owner: int) -> list[Process]:
    """The parts that the process which holds the data folder has started. Raises `OSError`."""
    table = _from_proc if sys.platform == "linux" else _from_ps
    return [process for row in table(owner) if (process := _part(*row))]


def _part(pid: int, resident: int, command: str) -> Process | None:
    program = Path(command.partition(" ")[0]).name
    if program.startswith("tansu"):
        return Process(pid, "broker", resident, in_memory=True)
    kind = next((kind for word, kind in _KINDS.items() if word in command), None)
    return Process(pid, kind, resident) if kind else None


def _from_proc(parent: int, proc: Path = Path("/proc")) -> list[tuple[int, int, str]]:
    found = []
    for folder in proc.glob("[0-9]*"):
        try:
            lines = (folder / "status").read_text().splitlines()
            status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if status.get("PPid") == str(parent):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append((int(folder.name), int(status.get("VmRSS", "0 kB").split()[0]) * 1024, command))
        except (OSError, ValueError):
            continue  # it ended meanwhile
    return found


def _from_ps(parent: int, run: Callable[..., Any] = subprocess.run) -> list[tuple[int, int, str]]:
    listed = run(
        ["ps", "-axo", "pid=,ppid=,rss=,command="], capture_output=True, text=True, timeout=PS_SECONDS, check=True
    )
    rows = (line.split(None, 3) for line in listed.stdout.splitlines())
    return [(int(row[0]), int(row[2]) * 1024, row[3]) for row in rows if len(row) == 4 and int(row[1]) == parent]


def memory_of_machine() -> int:
    """Bytes of memory that the machine has; of the container, where a limit is set."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):
        return memory


def disk_space(folder: Path) -> tuple[int, int]:
    """Bytes free and in all where the folder is or would be."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(existing)
    return usage.free, usage.total


def ask_ready(name: str, port: int, path: str = "/ready") -> Ready:
    """Never raises: that nobody answers is the reason then."""
    url = f"http://{LOOPBACK}:{port}{path}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=READY_SECONDS):
            return Ready(name, url, "")
    except urllib.error.HTTPError as error:
        return Ready(name, url, _reason(error))
    except OSError as error:
        return Ready(name, url, f"does not answer: {getattr(error, 'reason', error)}")


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        body = json.loads(error.read())
        return "; ".join(body.get("reasons", [])) or str(body.get("reason") or f"status {error.code}")
    except (ValueError, AttributeError, TypeError, OSError):
        return f"status {error.code}"
