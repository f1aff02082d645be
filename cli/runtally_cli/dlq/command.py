"""`runtally dlq list`, `show` and `replay`: the store by named operations, the topics by the broker at hand."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection
from runtally.kafka_producer import start_producer
from runtally.streams import present_streams
from runtally_clickhouse.kept_letters import Kept, Place, kept_of
from runtally_consumer.topics import EVENT_TOPICS

from runtally_cli.dlq.letters import Letter, letter_of, violations_today
from runtally_cli.dlq.operations import MOST_LETTERS
from runtally_cli.dlq.replaying import CHUNK, Replayed, replay
from runtally_cli.dlq.topic_search import find_letters
from runtally_cli.local.admin import StoreAccess, store_access
from runtally_cli.local.settings import LocalSettings
from runtally_cli.verification.command import broker_of

SHOWN_BYTES: Final = 16 * 1024
PROGRESS_EVERY: Final = 10 * CHUNK


class NoSuchLetter(RuntimeError):
    """No dead letter lies there, or no broker can take it. The message is ready to be shown to a person."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters; None does not filter. A `field` of "record" is none of the contract's."""

    topic: str | None = None
    field: str | None = None
    since: datetime | None = None
    partition: int | None = None
    offset: int | None = None
    limit: int = MOST_LETTERS

    def parameters(self) -> dict[str, Any]:
        field = "" if self.field == "record" else self.field
        given: dict[str, Any] = {
            name: [value]
            for name, value in {
                "topics": self.topic, "fields": field, "partitions": self.partition, "offsets": self.offset,
            }.items()
            if value is not None
        }  # fmt: skip
        if self.since is not None:
            given["since"] = self.since.replace(tzinfo=self.since.tzinfo or UTC).isoformat()
        return {**given, "limit": self.limit}


def list_letters(selection: Selection) -> list[Letter]:
    """Newest first. Raises what `store_access` and its `run` raise."""
    with store_access(LocalSettings()) as access:
        return _select(access, selection)


def show_letter(topic: str, partition: int, offset: int, environment: Mapping[str, str] = os.environ) -> list[str]:
    """All that is known of one letter; the newest where several streams have one there. Raises `NoSuchLetter` too."""
    settings = LocalSettings()
    connection = broker_of(settings, environment)
    with store_access(settings) as access:
        letters = _select(access, Selection(topic=topic, partition=partition, offset=offset, limit=1))
        if not letters:
            raise NoSuchLetter(f"no dead letter of {topic}, partition {partition}, offset {offset}")
        kept = kept_of(_values(access, [letters[0].place])[0])
    place = letters[0].place
    in_topic = asyncio.run(_find_if_there(connection, [place])).get(place)
    return _shown(letters[0], in_topic or kept, from_topic=in_topic is not None)


def replay_letters(
    selection: Selection, *, dry_run: bool, tell: Callable[[str], None], environment: Mapping[str, str] = os.environ
) -> Replayed:
    """Publish the selected letters again. Raises `KafkaError`, and as `list_letters`."""
    settings = LocalSettings()
    connection = broker_of(settings, environment)
    if connection is None and not dry_run:
        raise NoSuchLetter("no broker to publish to: start `runtally up`, or set RUNTALLY_KAFKA_BOOTSTRAP")
    with store_access(settings) as access:
        letters = _select(access, selection)
        return asyncio.run(_replay(access, letters, connection, dry_run, tell))


async def _replay(
    access: StoreAccess,
    letters: Sequence[Letter],
    connection: KafkaConnection | None,
    dry_run: bool,
    tell: Callable[[str], None],
) -> Replayed:
    def progress(done: int, so_far: Replayed) -> None:
        if done % PROGRESS_EVERY == 0:
            tell(f"{done} of {len(letters)} letters, published {so_far.published}")

    async def find(places: Sequence[Place]) -> Mapping[Place, Kept]:
        return await _find_if_there(connection, places)

    async with AsyncExitStack() as stack:
        producer: AIOKafkaProducer | None = None
        if connection is not None and letters and not dry_run:
            producer = await start_producer(connection, "runtally-dlq-replay", linger_ms=5)
            stack.push_async_callback(producer.stop)
        return await replay(letters, lambda places: _values(access, places), find, producer, progress)


async def _find_if_there(connection: KafkaConnection | None, places: Sequence[Place]) -> Mapping[Place, Kept]:
    """From the dead-letter topics; nothing where there is no broker, or one of another stream."""
    if connection is None:
        return {}
    try:
        streams = await present_streams(connection, EVENT_TOPICS)
        return await find_letters(connection, {streams.of(topic) for topic in EVENT_TOPICS}, places)
    except KafkaError:
        return {}


def _select(access: StoreAccess, selection: Selection) -> list[Letter]:
    return [letter_of(row) for row in access.run("dead_letters", selection.parameters())]


def _values(access: StoreAccess, places: Sequence[Place]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = access.run("dead_letter_values", {"places": [list(place) for place in places]})
    return rows


def _shown(letter: Letter, kept: Kept, *, from_topic: bool) -> list[str]:
    place = letter.place
    lines = [
        f"{place.topic}, partition {place.partition}, offset {place.offset}, stream {place.stream}",
        f"refused   {letter.recorded_at:%Y-%m-%d %H:%M:%S} UTC",
        f"reason    {letter.message}",
    ]
    if kept.is_whole:
        today = violations_today(place.topic, [kept.value]).get(0, ())
        lines += [f"remedy    {one.field}: {one.remedy}" for one in today]
        lines += [] if today else ["remedy    this version accepts it: `runtally dlq replay`"]
    lines += [f"header    {name}: {_text(value)}" for name, value in kept.headers]
    lines += [] if from_topic else ["headers   not known: the dead-letter topic does not have it any more"]
    lines.append(f"key       {_text(kept.key)}")
    lines.append(f"value     {letter.value_bytes} bytes{'' if kept.is_whole else ', cut'}:")
    lines.append(_text(kept.value))
    return lines


def _text(value: bytes | None) -> str:
    """Printable text as it is, else hexadecimal: a sender chose it, and terminals obey control characters."""
    if value is None:
        return "none"
    cut = value[:SHOWN_BYTES]
    more = f"... and {len(value) - SHOWN_BYTES} bytes more" if len(value) > SHOWN_BYTES else ""
    try:
        text = cut.decode()
    except UnicodeDecodeError:
        return f"hex {cut.hex()}{more}"
    if all(character.isprintable() or character in "\n\t" for character in text):
        return text + more
    return f"hex {cut.hex()}{more}"
