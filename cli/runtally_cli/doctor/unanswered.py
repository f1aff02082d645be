"""What stands in a fact's place when a probe got none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unanswered:
    """In a fact's place: why a probe has none, the exception's name, and its code where it has one."""

    why: str
    kind: str = ""
    code: int = 0
