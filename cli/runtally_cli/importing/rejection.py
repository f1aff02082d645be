"""Rejected rows, kept beside the file: line, reason, and the row itself, so that it can be mended and imported."""

import contextlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO

from runtally.json_text import JsonValue
from runtally.violations import Violation

from runtally_cli.importing.json_values import faithful_json
from runtally_cli.importing.rows import Row, UnreadableRow

SUFFIX = ".rejected.jsonl"


def rejection_line(row: Row, violations: list[Violation]) -> str:
    """One line of JSON: `line`, `reason`, `errors`, and `row`, or `text` where there was no row to read."""
    errors = [{"field": item.field, "message": item.message, "remedy": item.remedy} for item in violations]
    reason = "; ".join(map(str, violations))
    told: dict[str, JsonValue] = {"line": row.line, "reason": reason, "errors": errors}
    key, value = ("text", row.value.text) if isinstance(row.value, UnreadableRow) else ("row", row.value)
    try:
        return faithful_json({**told, key: value})
    except RecursionError:  # a row nested too deeply to be written as it was to be mapped
        return faithful_json(told)


def place_for(file: Path) -> Path:
    """Beside the file; in the current folder where that one cannot be written."""
    beside = file.with_name(file.name + SUFFIX)
    return beside if os.access(file.parent, os.W_OK) else Path(beside.name)


class RejectedRows:
    """Writes the file when the first row is rejected; without one, removes what an earlier import left there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[str] | None = None

    def __enter__(self) -> "RejectedRows":
        return self

    def add(self, row: Row, violations: list[Violation]) -> None:
        """Raises `OSError`."""
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8")
        self._file.write(rejection_line(row, violations) + "\n")
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        elif kind is None and self._left_by_an_import():
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _left_by_an_import(self) -> bool:
        try:
            with self.path.open(encoding="utf-8") as file:
                first = json.loads(file.readline())
        except (OSError, ValueError):
            return False
        return isinstance(first, dict) and {"line", "reason", "errors"} <= first.keys()
