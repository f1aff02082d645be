"""What reading hands to mapping."""

from dataclasses import dataclass

from runtally.json_text import JsonValue


class UnreadableFile(RuntimeError):
    """The file makes no sense from some place on. `str()` names the place; the rows before it were good."""


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """Stands where a row could not be read: why, and its text."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row and the line of the file where it begins."""

    line: int
    value: JsonValue | UnreadableRow
