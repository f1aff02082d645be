"""Dead letters published again: those that this version accepts and somebody vouches for; the others are told why not.

Safe to repeat, and to break off: a run's version is a function of its bytes, so publishing it twice changes no answer.
What would be refused again is left, so that a replay does not fill the dead-letter topic anew.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from runtally.events import EVENTS, Event
from runtally.signing import is_about_signature
from runtally.violations import InvalidEvent, decode_event
from runtally_clickhouse.catalogue import dead_letter_values
from runtally_clickhouse.client import Reader, Row
from runtally_clickhouse.kept_letters import REFUSED_BY_STORE, Kept, Place, kept_of, place_of

from runtally_api.publishing import Record

CHUNK: Final = 200
TOPICS: Final[Mapping[str, type[Event]]] = {event.topic: event for event in EVENTS}
Because = Literal["signature", "unchecked", "incomplete", "contract"]


class Left(NamedTuple):
    """Why a letter stays where it is. `field` is that of the contract, empty where it is about the whole record."""

    topic: str
    because: Because
    field: str
    message: str
    remedy: str


@dataclass(slots=True)
class Replayed:
    """What became of the letters that were looked at."""

    letters: int = 0
    published: int = 0
    left: Counter[Left] = field(default_factory=Counter)


def replay(
    reader: Reader,
    places: Sequence[Place],
    publish: Callable[[Sequence[Record]], None] | None,
    replayed: Replayed,
    *,
    signs: bool,
) -> None:
    """Publish the letters of these places in order, each chunk acknowledged before the next; count into `replayed`.

    Without `publish` it only tells. `signs`: whoever publishes vouches for what they publish. Blocks; raises what
    `publish` and `Reader.query` raise, and then `replayed` says how far it got.
    """
    for start in range(0, len(places), CHUNK):
        chunk = places[start : start + CHUNK]
        rows = {place_of(row): row for row in dead_letter_values(reader, chunk)}
        accepted: list[Record] = []
        left: Counter[Left] = Counter()
        for place in chunk:
            verdict = judged(place, rows.get(place), signs=signs)
            if isinstance(verdict, Record):
                accepted.append(verdict)
            else:
                left[verdict] += 1
        if accepted and publish is not None:
            publish(accepted)
        replayed.letters += len(chunk)
        replayed.published += len(accepted)
        replayed.left += left


def judged(place: Place, row: Row | None, *, signs: bool) -> Record | Left:
    """The record to publish, or why it is left. Pure."""

    def left(because: Because, message: str, remedy: str, about: str = "") -> Left:
        return Left(place.topic, because, about, message, remedy)

    if row is None or place.topic not in TOPICS:
        return left("incomplete", "there is no such dead letter any more", "look at the list anew")
    if is_about_signature(row["message"]):
        told = "was refused for its signature: nobody knows who sent it"
        return left("signature", told, "let its sender sign it and send it again")
    if signs and row["reason"] != REFUSED_BY_STORE:
        told = "broke the contract, so nobody looked at its signature: published from here it would bear ours"
        return left("unchecked", told, "let its sender send it again, or who holds the key run `runtally dlq replay`")
    kept = kept_of(row)
    if not kept.is_whole or kept.value is None:
        told = "the store has only a part of the record, or nothing of it any more"
        return left("incomplete", told, "`runtally dlq replay` looks for it in the dead-letter topic")
    return _by_contract(place, kept, kept.value)


def _by_contract(place: Place, kept: Kept, value: bytes) -> Record | Left:
    try:
        decode_event(TOPICS[place.topic], value)
    except InvalidEvent as error:
        first = error.violations[0]
        return Left(place.topic, "contract", first.field, first.message, first.remedy)
    return Record(place.topic, kept.key, value)


def left_answer(left: Counter[Left], shown: Callable[[str], str], most: int) -> list[dict[str, Any]]:
    """What was left, by reason, the most frequent first; `shown` is what may be seen of a message."""
    return [
        {**one._asdict(), "message": shown(one.message), "letters": letters} for one, letters in left.most_common(most)
    ]
