"""What the consumer wrote down of its work, for people to look at: dead letters, and batches minute by minute."""

from dataclasses import dataclass
from typing import Final

from runtally_clickhouse.catalogue import RunScope, query_text
from runtally_clickhouse.client import Reader, Row

KEPT_BYTES: Final = 65_536
"""As much as the store keeps of a key or a value."""
_OF_LETTERS: Final = ("sees_all_workspaces", "visible_workspaces", "from_ms", "to_ms")


@dataclass(frozen=True, slots=True)
class LastLetter:
    """The last dead letter of a page: the next page begins after it."""

    recorded_us: int
    stream: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class LetterFilters:
    """What narrows dead letters besides range and workspaces. An empty tuple does not filter."""

    topic: tuple[str, ...] = ()
    field: tuple[str, ...] = ()


_FIRST_PAGE: Final = LastLetter(0, "", "", 0, 0)


def newest_letters(
    reader: Reader, scope: RunScope, filters: LetterFilters, limit: int, after: LastLetter | None, *, with_values: bool
) -> list[Row]:
    """At most `limit` dead letters of the scope's range and workspaces. Blocks; raises as `Reader.query`."""
    place = after or _FIRST_PAGE
    bound = {
        **_letter_parameters(scope, filters),
        "with_values": int(with_values),
        "shown_bytes": KEPT_BYTES,
        "has_cursor": int(after is not None),
        "cursor_us": place.recorded_us,
        "cursor_stream": place.stream,
        "cursor_topic": place.topic,
        "cursor_partition": place.partition,
        "cursor_offset": place.offset,
        "limit": limit,
    }
    return reader.query(query_text("letters_seen"), bound)


def letters_by_reason(reader: Reader, scope: RunScope, filters: LetterFilters, limit: int) -> list[Row]:
    """The same letters by topic and field. Blocks; raises as `Reader.query`."""
    return reader.query(query_text("letters_by_reason"), {**_letter_parameters(scope, filters), "limit": limit})


def acknowledged_by_minute(reader: Reader, scope: RunScope) -> list[Row]:
    """Of all workspaces together: only for who may see all of them. Blocks; raises as `Reader.query`."""
    told = scope.parameters()
    return reader.query(query_text("acknowledged_by_minute"), {name: told[name] for name in ("from_ms", "to_ms")})


def _letter_parameters(scope: RunScope, filters: LetterFilters) -> dict[str, object]:
    told = scope.parameters()
    return {
        **{name: told[name] for name in _OF_LETTERS},
        "topics": list(filters.topic),
        "fields": list(filters.field),
    }
