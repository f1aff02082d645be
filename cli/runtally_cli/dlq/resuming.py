"""`runtally dlq resume`: letting partitions go on that too many dead letters have stopped.

The request is left in the store, where whichever process owns the partition looks for it. What the group has
committed tells whether the partition stands still, or goes on.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from runtally_clickhouse.partition_stops import PartitionStop, ResumeRequest
from runtally_consumer.placement import committed_before_truncation
from runtally_consumer.records import Partition
from runtally_consumer.settings import ConsumerSettings

from runtally_cli.local.admin import StoreAccess, store_access
from runtally_cli.local.settings import LocalSettings
from runtally_cli.verification.broker import Broker, open_broker
from runtally_cli.verification.command import broker_of

LOOK_EVERY_SECONDS: Final = 1.0


class NoBroker(RuntimeError):
    """Nothing runs that could be stopped. The message is ready to be shown to a person."""


@dataclass(frozen=True, slots=True)
class ResumeSelection:
    """Which stopped partitions: one, all, or with neither none, to list them only."""

    partition: Partition | None = None
    all_of_them: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one stopped partition: it goes on, was stopped again, or has not moved in time."""

    stop: PartitionStop
    goes_on: bool
    told: str


def resume(
    selection: ResumeSelection,
    wait_seconds: float,
    tell: Callable[[str], None],
    environment: Mapping[str, str] = os.environ,
) -> list[Outcome] | None:
    """Ask for the selected partitions to go on, and wait until they do; None when nothing was asked for.

    Raises `NoBroker`, `KafkaError`, and what `store_access` and its `run` raise.
    """
    settings = LocalSettings()
    connection = broker_of(settings, environment)
    if connection is None:
        raise NoBroker(
            "no broker runs, so no partition is stopped: start `runtally up`, or set RUNTALLY_KAFKA_BOOTSTRAP"
        )
    group = environment.get("RUNTALLY_CONSUMER_GROUP") or str(ConsumerSettings.model_fields["consumer_group"].default)

    async def ask(access: StoreAccess) -> list[Outcome] | None:
        async with open_broker(connection, group) as broker:
            standing = await _standing(access, broker)
            for stop in standing:
                tell(f"{stop.reason}; it stands before offset {stop.stopped_offset}")
            if not standing:
                tell("no partition is stopped")
            chosen = [one for one in standing if selection.all_of_them or _place(one) == selection.partition]
            if selection.partition is not None and not chosen and standing:
                tell(f"{_name(selection.partition)} is not stopped")
            if not chosen:
                return None
            return await resume_stopped(access, broker, chosen, time.monotonic() + wait_seconds, tell)

    with store_access(settings) as access:
        return asyncio.run(ask(access))


async def _standing(access: StoreAccess, broker: Broker) -> list[PartitionStop]:
    """The stops that their partition has not gone past."""
    stops = [PartitionStop(**row) for row in await _run(access, "partition_stops", {"streams": _streams(broker)})]
    committed = await broker.committed()
    return [
        stop
        for stop in stops
        if _place(stop) in committed
        and stop.stream == broker.streams.of(stop.topic)
        and is_standing(stop, committed[_place(stop)] or 0)
    ]


def is_standing(stop: PartitionStop, committed: int) -> bool:
    """Whether the group has not gone on since. From a truncation it goes on backwards, to the topic's end."""
    before_truncation = committed_before_truncation(stop.reason)
    return committed <= stop.stopped_offset if before_truncation is None else committed == before_truncation


async def resume_stopped(
    access: StoreAccess,
    broker: Broker,
    stops: Sequence[PartitionStop],
    deadline: float,
    tell: Callable[[str], None],
) -> list[Outcome]:
    """Ask for them to go on, and look until each has, or was stopped again, or the deadline (monotonic) is there.

    What is in a partition by now passes; what comes later is judged. Raises as `resume`.
    """
    bounds = await broker.bounds()
    waiting = {
        _place(stop): replace(stop, judged_from=max(stop.judged_from, bounds[_place(stop)][1])) for stop in stops
    }
    requests = [ResumeRequest(one.stream, one.topic, one.partition, one.judged_from) for one in waiting.values()]
    await _run(access, "request_resumes", {"requests": [asdict(one) for one in requests]})
    for place, asked in waiting.items():
        tell(f"{_name(place)}: asked to go on; records before offset {asked.judged_from} pass, dead letters or not")
    outcomes: list[Outcome] = []
    while waiting and time.monotonic() < deadline:
        still = {_place(stop): stop for stop in await _standing(access, broker)}
        for place, asked in list(waiting.items()):
            if place not in still:
                outcomes.append(Outcome(asked, True, f"{_name(place)}: goes on"))
            elif still[place].judged_from > asked.judged_from:
                outcomes.append(Outcome(asked, False, f"{_name(place)}: stopped again: {still[place].reason}"))
            else:
                continue
            tell(outcomes[-1].told)
            del waiting[place]
        if waiting:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
    for place, asked in waiting.items():
        told = (
            f"{_name(place)}: has not moved yet; the request stands: does a consumer run, and what does its /ready say?"
        )
        outcomes.append(Outcome(asked, False, told))
        tell(told)
    return outcomes


async def _run(access: StoreAccess, operation: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await asyncio.to_thread(access.run, operation, parameters)
    return rows


def _streams(broker: Broker) -> list[str]:
    return sorted({broker.streams.of(partition.topic) for partition in broker.partitions})


def _place(stop: PartitionStop) -> Partition:
    return Partition(stop.topic, stop.partition)


def _name(partition: Partition) -> str:
    return f"{partition.topic}-{partition.number}"
