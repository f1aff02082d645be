"""`runtally dlq replay`: refused records back to their topics, key and value unchanged.

Safe to repeat: a run's version is a function of its bytes, so a record that is published again changes no answer.
What would be refused again stays where it is, so that a replay does not fill the dead-letter topic anew.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from runtally_clickhouse.kept_letters import Kept, Place, kept_of, place_of

from runtally_cli.dlq.letters import Letter, violations_today
from runtally_cli.dlq.topic_search import own_headers

CHUNK: Final = 200

Find = Callable[[Sequence[Place]], Awaitable[Mapping[Place, Kept]]]
Values = Callable[[Sequence[Place]], Sequence[Mapping[str, Any]]]


class Producer(Protocol):
    """The part of a started `AIOKafkaProducer` that is used here."""

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Sequence[tuple[str, bytes | None]]
    ) -> "asyncio.Future[Any]": ...


@dataclass(slots=True)
class Replayed:
    """What became of the letters. `refused` counts, by reason, those that this version would refuse again."""

    published: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    lost: list[Place] = field(default_factory=list)

    def lines(self, *, dry_run: bool) -> list[str]:
        refused = sum(self.refused.values())
        verb = "would publish" if dry_run else "published"
        lines = [f"{verb} {self.published}, left {refused} that would be refused again, not found {len(self.lost)}"]
        lines += [f"  refused again: {count} x {reason}" for reason, count in self.refused.most_common(20)]
        lines += [f"  not found: {place} in stream {place.stream}" for place in self.lost[:20]]
        return lines


async def replay(
    letters: Sequence[Letter],
    values: Values,
    find: Find,
    producer: Producer | None,
    progress: Callable[[int, Replayed], None],
) -> Replayed:
    """Publish them, oldest first, each acknowledged before the next chunk. Without a producer it only tells.

    Raises `KafkaError` and what `values` raises; what was published by then stays, and may be published again.
    """
    replayed = Replayed()
    places = [letter.place for letter in reversed(letters)]
    for start in range(0, len(places), CHUNK):
        chunk = places[start : start + CHUNK]
        kept = {place_of(row): kept_of(row) for row in await asyncio.to_thread(values, chunk)}
        cut = [place for place in chunk if place not in kept or not kept[place].is_whole]
        found = {**kept, **(await find(cut))} if cut else kept
        replayed.lost += [place for place in chunk if place not in found or not found[place].is_whole]
        whole = [place for place in chunk if place in found and found[place].is_whole]
        await _publish(_accepted(whole, found, replayed), found, producer)
        progress(min(start + CHUNK, len(places)), replayed)
    return replayed


def _accepted(places: Sequence[Place], found: Mapping[Place, Kept], replayed: Replayed) -> list[Place]:
    """Those that this version accepts; the others are counted."""
    accepted: list[Place] = []
    for topic in sorted({place.topic for place in places}):
        of_topic = [place for place in places if place.topic == topic]
        refused = violations_today(topic, [found[place].value for place in of_topic])
        replayed.refused.update(f"{topic}: {reasons[0]}" for reasons in refused.values())
        accepted += [place for index, place in enumerate(of_topic) if index not in refused]
    replayed.published += len(accepted)
    return accepted


async def _publish(places: Sequence[Place], found: Mapping[Place, Kept], producer: Producer | None) -> None:
    if producer is None:
        return
    sent = [
        await producer.send(
            place.topic, value=found[place].value, key=found[place].key, headers=own_headers(found[place])
        )
        for place in places
    ]
    await asyncio.gather(*sent)
