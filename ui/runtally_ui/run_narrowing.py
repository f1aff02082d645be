"""What the page Runs is narrowed by, besides the filter bar: its own fields, and the marks of charts that led there.

The latter have no widgets: they stand in the address bar under the API's names, and on the page as chips to take away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import streamlit as st

from runtally_ui import formats, own_fields
from runtally_ui.periods import Params
from runtally_ui.ratings import STARS
from runtally_ui.week_hours import LONG_WEEKDAYS

TEXTS: Final = ("session_id", "parent_run_id")
UNNAMED: Final = "unnamed"
"""Runs that leave a field empty: an address does not tell an empty value from none."""
_CAN_BE_UNNAMED: Final[Mapping[str, str]] = {
    "model": "model", "user_id": "user", "environment": "environment", "error_type": "error type",
    "error_category": "error category", "error_severity": "severity",
}  # fmt: skip
_NAMES: Final[Mapping[str, str]] = {
    "agent_version": "version", "error_category": "category", "error_severity": "severity",
}  # fmt: skip
_BOUNDS: Final = ("min_duration_ms", "max_duration_ms")
_LONGEST_MS: Final = 2**63 - 2
More = tuple[tuple[str, str, tuple[Any, ...]], ...]


@dataclass(frozen=True)
class Narrowed:
    """Empty or None lets everything through; several values mean any of them. Both bounds are included."""

    error_type: tuple[str, ...] = ()
    session_id: str = ""
    parent_run_id: str = ""
    agent_version: tuple[str, ...] = ()
    error_category: tuple[str, ...] = ()
    error_severity: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    has_error: bool | None = None
    has_cost: bool | None = None
    hour: tuple[int, ...] = ()
    weekday: tuple[int, ...] = ()
    rating: tuple[int, ...] = ()
    min_duration_ms: int | None = None
    max_duration_ms: int | None = None

    @classmethod
    def chosen(cls) -> "Narrowed":
        """What the fields and the address say; what neither can mean is left out."""
        low, high = (next(iter(_numbers(name, range(_LONGEST_MS))), None) for name in _BOUNDS)
        return cls(
            error_type=own_fields.texts("error_type"),
            session_id=own_fields.text("session_id"),
            parent_run_id=own_fields.text("parent_run_id"),
            agent_version=own_fields.texts("agent_version"),
            error_category=own_fields.texts("error_category"),
            error_severity=own_fields.texts("error_severity"),
            unnamed=tuple(name for name in own_fields.texts(UNNAMED) if name in _CAN_BE_UNNAMED),
            has_error=_flag("has_error"),
            has_cost=_flag("has_cost"),
            hour=_numbers("hour", range(24)),
            weekday=_numbers("weekday", range(1, 8)),
            rating=_numbers("rating", range(1, len(STARS) + 1)),
            min_duration_ms=low,
            max_duration_ms=high,
        )

    @property
    def is_counted(self) -> bool:
        """Whether a query can count these runs: the catalogue cannot tell runs apart by their ratings."""
        return not self.rating

    def more(self) -> More:
        """The same as filters of `POST /query`."""
        named = [(name, "in", self._several(name)) for name in ("error_type", *TEXTS, *_NAMES) if self._several(name)]
        found: list[tuple[str, str, tuple[Any, ...]]] = [*named, *((name, "in", ("",)) for name in self.unnamed)]
        flags = [(name, getattr(self, name)) for name in ("has_error", "has_cost")]
        found += [(name, "in", (flag,)) for name, flag in flags if flag is not None]
        found += [(name, "in", getattr(self, name)) for name in ("hour", "weekday") if getattr(self, name)]
        if self.min_duration_ms is not None:
            found.append(("duration_ms", "gte", (self.min_duration_ms,)))
        if self.max_duration_ms is not None:
            found.append(("duration_ms", "lt", (self.max_duration_ms + 1,)))
        return tuple(found)

    def params(self) -> Params:
        """The same as parameters of `GET /runs`."""
        named = [(field.name, value) for field in fields(self) for value in self._several(field.name)]
        texts = [(name, str(value).lower() if value is True or value is False else str(value)) for name, value in named]
        return (*(pair for pair in texts if pair[0] != UNNAMED), *((name, "") for name in self.unnamed))

    def chips(self) -> list[tuple[tuple[str, ...], str]]:
        """For each mark: the parameters that it is made of, and its words."""
        found: list[tuple[tuple[str, ...], str]] = []
        if self.weekday:
            found.append((("weekday",), ", ".join(LONG_WEEKDAYS[day - 1] for day in self.weekday)))
        if self.hour:
            found.append((("hour",), ", ".join(f"{hour:02}:00 to {hour:02}:59" for hour in self.hour)))
        if self.min_duration_ms is not None or self.max_duration_ms is not None:
            found.append((_BOUNDS, self._duration_words()))
        if self.rating:
            found.append((("rating",), f"rated {', '.join(f'{stars} ★' for stars in self.rating)}"))
        found += [((name,), f"{word} {', '.join(self._several(name))}") for name, word in _NAMES.items()
                  if self._several(name)]  # fmt: skip
        if self.unnamed:
            found.append(((UNNAMED,), f"names no {' and no '.join(_CAN_BE_UNNAMED[name] for name in self.unnamed)}"))
        if self.has_error is not None:
            found.append((("has_error",), "with an error" if self.has_error else "without an error"))
        if self.has_cost is not None:
            found.append((("has_cost",), "of a known cost" if self.has_cost else "of no known cost"))
        return found

    def words(self) -> list[str]:
        """All of it, for a sentence."""
        names = {"error_type": "error type", "session_id": "session", "parent_run_id": "started by run"}
        named = [f"{word} {', '.join(self._several(name))}" for name, word in names.items() if self._several(name)]
        return [*named, *(text for _, text in self.chips())]

    def _several(self, name: str) -> tuple[Any, ...]:
        value = getattr(self, name)
        if isinstance(value, tuple):
            return value
        return () if value is None or value == "" else (value,)

    def _duration_words(self) -> str:
        low, high = self.min_duration_ms, self.max_duration_ms
        if high is None:
            return f"took {formats.duration(low or 0)} or more"
        if not low:
            return f"took at most {formats.duration(high)}"
        return f"took {formats.duration(low)} to {formats.duration(high)}"


def draw_chips(narrowed: Narrowed) -> None:
    """A chip for each mark that the list is narrowed by; a click takes it away."""
    chips = narrowed.chips()
    if not chips:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="chips"):
        for names, text in chips:
            st.button(
                formats.escaped(formats.cut(text, 60)), key=f"chip-{names[0]}", icon=":material/close:",
                icon_position="right", help="Take this away.", on_click=take_away, args=names,
            )  # fmt: skip


def take_away(*names: str) -> None:
    """A callback: no longer narrowed by these marks."""
    for name in names:
        if name in st.query_params:
            del st.query_params[name]


def clear_all() -> None:
    """A callback: every run that the filter bar lets through."""
    own_fields.clear("error_type", *TEXTS)
    take_away(*(name for names, _ in Narrowed.chosen().chips() for name in names))


def _flag(name: str) -> bool | None:
    return {"true": True, "false": False}.get(st.query_params.get(name, ""))


def _numbers(name: str, allowed: Sequence[int]) -> tuple[int, ...]:
    texts = own_fields.texts(name)
    found = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 20]
    return tuple(number for number in dict.fromkeys(found) if number in allowed)
