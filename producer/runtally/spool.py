"""Messages on disk that could not be sent: a folder of files, one writer each, emptied by whoever can send.

A file belongs to the process that holds its lock; the lock goes with the process, so what a dead one left
behind is taken over by the next. A torn last line (the process was killed while writing) is left out.
"""

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover  # Windows
    fcntl = None  # type: ignore[assignment]  # stands for "no file locks here"

from runtally.settings import InvalidSettings
from runtally.transport import Record

SEGMENT_BYTES = 4 * 1024 * 1024
_SUFFIX = ".spool"


class SpoolFull(Exception):
    """The spool holds as much as it may."""


class Segment:
    """One spool file that no process writes to any more: read it, send it, then remove or release it."""

    def __init__(self, path: Path, descriptor: int, opened: set[int]) -> None:
        self.path = path
        self._descriptor = descriptor
        self._opened = opened

    def records(self) -> list[Record]:
        """The whole records in the file."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        return [record for line in lines if (record := _read_line(line)) is not None]

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Give the file up: when it is still there, this or another process finds it again."""
        if self._descriptor in self._opened:
            self._opened.remove(self._descriptor)
            os.close(self._descriptor)


def _write_line(record: Record) -> bytes:
    # The value is JSON text already; as a string inside JSON it would be escaped and grow.
    head = json.dumps([record.topic, base64.b64encode(record.key).decode(), len(record.value)]).encode()
    return head + b"\t" + record.value + b"\n"


def _read_line(line: bytes) -> Record | None:
    head, tab, value = line.partition(b"\t")
    try:
        topic, key, size = json.loads(head)
        if not tab or value[-1:] != b"\n" or len(value) != size + 1:
            return None
        return Record(str(topic), base64.b64decode(key, validate=True), value[:-1])
    except (ValueError, TypeError):
        return None


class Spool:
    """The spool of one destination. Not thread-safe: its user holds a lock around each call.

    Creates nothing before the first `append`. `OSError` of the file system passes through.
    """

    def __init__(self, folder: Path, destination: str, most_bytes: int) -> None:
        if fcntl is None:  # pragma: no cover  # Windows
            raise InvalidSettings("overflow is 'spool', which needs file locks: set drop or block on this system")
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", destination).strip("-")[-60:]
        digest = hashlib.sha256(destination.encode()).hexdigest()[:8]
        self.folder = folder / f"{name}-{digest}"
        self._most_bytes = most_bytes
        self._writing: int | None = None
        self._written = 0
        self._opened: set[int] = set()
        self._others = 0

    def append(self, records: Sequence[Record]) -> None:
        """Keep the records: the operating system has them when this returns. Raises `SpoolFull`."""
        data = b"".join(map(_write_line, records))
        if self._writing is None:
            self._others, self._written = self.size(), 0
        if self._others + self._written + len(data) > self._most_bytes:
            raise SpoolFull(f"the spool in {self.folder} holds the {self._most_bytes} bytes that it may")
        if self._writing is None:
            self._writing = self._create()
        try:
            kept = os.write(self._writing, data)
        except OSError:
            self.rotate()
            raise
        self._written += kept
        if kept < len(data) or self._written >= SEGMENT_BYTES:
            self.rotate()
        if kept < len(data):
            raise SpoolFull(f"the disk under {self.folder} is full")

    def rotate(self) -> None:
        """Stop writing to the current file, so that it can be claimed."""
        if self._writing is not None:
            self._opened.discard(self._writing)
            os.close(self._writing)
            self._writing = None

    def claim(self) -> Segment | None:
        """The oldest file that nobody writes to or sends. None when there is none."""
        for path in self._paths():
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            # Another process may have sent and removed the file between the listing and the lock.
            if _lock(descriptor) and path.exists():
                self._opened.add(descriptor)
                return Segment(path, descriptor, self._opened)
            os.close(descriptor)
        return None

    def size(self) -> int:
        """Bytes of all files of this destination, those of other processes too."""
        total = 0
        for path in self._paths():
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
        return total

    def after_fork(self) -> None:
        """In a forked child: the open files are the parent's. Closing the child's copies keeps its locks."""
        for descriptor in self._opened:
            os.close(descriptor)
        self._opened.clear()
        self._writing = None

    def _create(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        unready = self.folder / f"{os.getpid()}-{secrets.token_hex(6)}.new"
        descriptor = os.open(unready, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._opened.add(descriptor)
        # Under its real name only once it is locked: nobody can claim it in between.
        _lock(descriptor)
        unready.rename(unready.with_suffix(_SUFFIX))
        return descriptor

    def _paths(self) -> list[Path]:
        try:
            found = [(entry.stat().st_mtime_ns, Path(entry.path)) for entry in os.scandir(self.folder)]
        except FileNotFoundError:
            return []
        return [path for _, path in sorted(found) if path.suffix == _SUFFIX]


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
