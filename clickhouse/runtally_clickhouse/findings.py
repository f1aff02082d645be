"""What a check says: `runtally doctor` reports it, and the consumer starts by it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. Error: a consumer must not write. Unknown: nobody would tell, which alone is no error."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. Whatever is not ok has a remedy: a command or a setting."""

    area: str
    level: Level
    message: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if (self.level is Level.OK) == bool(self.remedy):
            raise ValueError(f"{self.area}: a finding has a remedy exactly when it is not ok")


def ok(area: str, message: str) -> Finding:
    return Finding(area, Level.OK, message)


def warning(area: str, message: str, remedy: str) -> Finding:
    return Finding(area, Level.WARNING, message, remedy)


def error(area: str, message: str, remedy: str) -> Finding:
    return Finding(area, Level.ERROR, message, remedy)


def unknown(area: str, message: str, remedy: str) -> Finding:
    return Finding(area, Level.UNKNOWN, message, remedy)
