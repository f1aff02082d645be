"""What the lists of dead letters and of minutes hold: their shapes, made of what the store says; and examples. Pure."""

import base64
import json
import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import Field
from runtally_clickhouse.catalogue import EPOCH, LAST_INSTANT, unix_ms
from runtally_clickhouse.client import Row
from runtally_clickhouse.letters_and_batches import LastLetter

from runtally_api.answers import Answer, Instant
from runtally_api.cursor_seals import not_ours
from runtally_api.event_answers import EXAMPLE_META, EventsMeta
from runtally_api.formats import instant
from runtally_api.run_rows import REDACTED

SHOWN_CHARACTERS: Final = 16_384


class Letter(Answer):
    """A record that was refused. Key and value are null where they were not asked for."""

    stream: str
    topic: str
    partition: int
    offset: int
    recorded_at: Instant
    reason: str
    field: Annotated[str, Field(description="At fault; empty where no field of the contract is.")]
    message: str
    value_bytes: int
    key: str | None
    value: Annotated[str | None, Field(description="The first 16 384 characters; escapes for what is no text.")]


class LettersByReason(Answer):
    topic: str
    field: str
    example: Annotated[str, Field(description="What one of them was told.")]
    letters: int
    first_at: Instant
    last_at: Instant


class DeadLetters(Answer):
    data: list[Letter]
    reasons: Annotated[list[LettersByReason], Field(description="Of all pages; the most frequent first.")]
    next_cursor: str | None
    has_more: bool
    replay_refused_because: Annotated[
        str | None, Field(description="Why this caller cannot replay letters by this process; null when they can.")
    ]
    meta: EventsMeta


class Minute(Answer):
    """What batches acknowledged in a minute held. A replay acknowledges records again."""

    time: Instant
    topic: str
    accepted: int
    dead: int
    batches: int


class Minutes(Answer):
    minutes: Annotated[list[Minute] | None, Field(description="Minutes without a batch are left out; null for "
                                                  "callers bound to workspaces.")]  # fmt: skip
    meta: EventsMeta


class PartitionLag(Answer):
    """One partition, as Kafka tells it."""

    topic: str
    partition: int
    committed: Annotated[int | None, Field(description="Everything before it is durable; null where nothing is.")]
    end: Annotated[int, Field(description="The offset that the next record gets.")]
    behind: Annotated[int, Field(description="Offsets between the two, those that retention took left out.")]


class Lag(Answer):
    behind: Annotated[int | None, Field(description="Of all partitions; null as `partitions` is.")]
    partitions: Annotated[list[PartitionLag] | None, Field(description="Null when nobody can tell.")]
    is_at_least: Annotated[bool, Field(description="Whether the broker tells its ends short, as the local one does.")]
    unknown_because: Annotated[str | None, Field(description="Why nobody can tell.")]
    meta: EventsMeta


class LetterCursor(LastLetter):
    """Where the next page begins, as text that clients hand back."""

    @classmethod
    def after(cls, row: Row) -> "LetterCursor":
        return cls(row["recorded_us"], row["stream"], row["topic"], row["partition"], row["offset"])

    def encode(self) -> str:
        text = json.dumps([self.recorded_us, self.stream, self.topic, self.partition, self.offset])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "LetterCursor":
        """Raises `InvalidRequest` for anything that `encode` did not make."""
        try:
            decoded = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            recorded_us, stream, topic, partition, offset = decoded
            f"{stream.strip()}{topic.strip()}".encode()
            bounds = ((recorded_us, 1000 * unix_ms(LAST_INSTANT)), (partition, 2**32 - 1), (offset, 2**64 - 1))
            if not all(type(number) is int and 0 <= number <= most for number, most in bounds):
                raise TypeError("not a cursor")
            return cls(recorded_us, stream, topic, partition, offset)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise not_ours() from error


def letter_answer(row: Row, *, with_values: bool, redact: re.Pattern[str] | None) -> dict[str, Any]:
    """One of `DeadLetters.data`. What `redact` matches is not shown."""
    named = ("stream", "topic", "partition", "offset", "reason", "field", "value_bytes")
    return {
        **{name: row[name] for name in named},
        "message": redacted(row["message"], redact),
        "recorded_at": _of_us(row["recorded_us"]),
        "key": _readable(row["key_base64"], redact) if with_values else None,
        "value": _readable(row["value_base64"], redact) if with_values else None,
    }


def reason_answer(row: Row, redact: re.Pattern[str] | None) -> dict[str, Any]:
    """One of `DeadLetters.reasons`."""
    named = ("topic", "field", "letters")
    times = {"first_at": _of_us(row["first_us"]), "last_at": _of_us(row["last_us"])}
    return {**{name: row[name] for name in named}, "example": redacted(row["example"], redact), **times}


def minute_answer(row: Row) -> dict[str, Any]:
    """One of `Minutes.minutes`."""
    return {
        "time": instant(EPOCH + timedelta(seconds=row["minute_s"])),
        "topic": row["topic"],
        "accepted": row["accepted_records"],
        "dead": row["dead_records"],
        "batches": row["batches"],
    }


def _readable(packed: str, redact: re.Pattern[str] | None) -> str:
    """As text, what is none in escapes; cut only after redaction, so nothing of a match is left over."""
    return redacted(base64.b64decode(packed).decode("utf-8", "backslashreplace"), redact)[:SHOWN_CHARACTERS]


def redacted(text: str, redact: re.Pattern[str] | None) -> str:
    """What may be seen of a text that a sender may have written."""
    return text if redact is None else redact.sub(REDACTED, text)


def _of_us(microseconds: int) -> str | None:
    return instant(EPOCH + timedelta(microseconds=microseconds))


LETTERS_EXAMPLE: Final[dict[str, Any]] = {
    "data": [
        {
            "stream": "MkU3OEVBNTcwNTJENDM2Qg", "topic": "agent-runs.v1", "partition": 2, "offset": 2181,
            "recorded_at": "2026-11-20T09:31:07Z", "reason": "invalid field", "field": "workspace_id",
            "message": "workspace_id must be a string of 1 to 128 characters, got 42", "value_bytes": 118,
            "key": None, "value": None,
        }
    ],
    "reasons": [
        {
            "topic": "agent-runs.v1", "field": "workspace_id", "letters": 214, "first_at": "2026-11-20T09:31:07Z",
            "example": "workspace_id must be a string of 1 to 128 characters, got 42",
            "last_at": "2026-11-20T09:40:00Z",
        }
    ],
    "next_cursor": None,
    "has_more": False,
    "replay_refused_because": None,
    "meta": EXAMPLE_META,
}  # fmt: skip
LAG_EXAMPLE: Final[dict[str, Any]] = {
    "behind": 17,
    "partitions": [
        {"topic": "agent-runs.v1", "partition": 0, "committed": 48211, "end": 48211, "behind": 0},
        {"topic": "agent-runs.v1", "partition": 1, "committed": 48190, "end": 48207, "behind": 17},
    ],
    "is_at_least": False,
    "unknown_because": None,
    "meta": EXAMPLE_META,
}
MINUTES_EXAMPLE: Final[dict[str, Any]] = {
    "minutes": [
        {"time": "2026-11-21T09:29:00Z", "topic": "agent-runs.v1", "accepted": 48211, "dead": 3, "batches": 12}
    ],
    "meta": EXAMPLE_META,
}
