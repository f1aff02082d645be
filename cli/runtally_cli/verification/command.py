"""`runtally verify`: reads the group's offsets, then the ledger, then what the ledger leaves open off the broker."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from runtally.connection import KafkaConnection
from runtally.streams import Streams
from runtally_consumer.intervals import Interval
from runtally_consumer.records import Partition
from runtally_consumer.settings import ConsumerSettings

from runtally_cli.local.admin import StoreAccess, read_announcement, store_access
from runtally_cli.local.settings import LocalSettings
from runtally_cli.local.stack import owner_of
from runtally_cli.verification.broker import Broker, open_broker
from runtally_cli.verification.judgement import PartitionLedger, Place, Verdict, judge, to_look_at
from runtally_cli.verification.operation import partitions_of
from runtally_cli.verification.report import Report

# A ledger of millions of ranges takes its time.
LEDGER_SECONDS = 300


def verify(environment: Mapping[str, str] = os.environ) -> Report:
    """Compare ledger, committed offsets and broker. The broker of a stack that is down has nothing to be asked.

    Raises what `store_access` and its `run` raise; `KafkaError`, `OSError` or `TimeoutError` when a broker that
    must be there does not answer.
    """
    settings = LocalSettings()
    connection = broker_of(settings, environment)
    group = environment.get("RUNTALLY_CONSUMER_GROUP") or str(ConsumerSettings.model_fields["consumer_group"].default)
    with store_access(settings, LEDGER_SECONDS) as access:
        if connection is None:
            verdicts = [judge(one, None, {}) for one in _ledgers(access)]
            return Report(access.held_by, "", "no broker runs, so each stream is over", verdicts)
        stream, verdicts = asyncio.run(_verify_with_broker(access, connection, group))
    return Report(access.held_by, stream, f"group {group} on {connection.bootstrap}", verdicts)


def broker_of(settings: LocalSettings, environment: Mapping[str, str]) -> KafkaConnection | None:
    """The broker of the running stack, else the one that the environment names; None when there is neither."""
    connection = KafkaConnection.from_environment(environment)
    announcement = read_announcement(settings.data_dir) if owner_of(settings.data_dir) else None
    if announcement is not None:
        return replace(connection, bootstrap=announcement.bootstrap)
    return connection if settings.kafka_bootstrap else None


async def _verify_with_broker(
    access: StoreAccess, connection: KafkaConnection, group: str
) -> tuple[str, list[Verdict]]:
    async with open_broker(connection, group) as broker:
        committed = await broker.committed()  # before the ledger, which is written before it
        ledgers = await asyncio.to_thread(_ledgers, access)
        bounds = await broker.bounds()
        places = {one: Place(committed[one], *bounds[one]) for one in broker.partitions}
        verdicts = []
        for ledger in _with_unwritten(ledgers, broker.streams, places):
            present = ledger.stream == broker.streams.of(ledger.topic)
            place = places.get(Partition(ledger.topic, ledger.partition)) if present else None
            verdicts.append(judge(ledger, place, await _look(broker, ledger, place)))
    return broker.streams.cluster_id, verdicts


async def _look(broker: Broker, ledger: PartitionLedger, place: Place | None) -> dict[Interval, Sequence[Interval]]:
    partition = Partition(ledger.topic, ledger.partition)
    looked = {one: await broker.records_in(partition, one) for one in to_look_at(ledger, place)}
    return {one: found for one, found in looked.items() if found is not None}


def _ledgers(access: StoreAccess) -> list[PartitionLedger]:
    return partitions_of(access.run("ledger"))


def _with_unwritten(
    ledgers: Sequence[PartitionLedger], streams: Streams, places: Mapping[Partition, Place]
) -> list[PartitionLedger]:
    """Also the partitions of which something is committed and nothing is in the ledger."""
    written = {(one.topic, one.partition) for one in ledgers if one.stream == streams.of(one.topic)}
    silent = [one for one, place in places.items() if place.committed and tuple(one) not in written]
    return [*ledgers, *(PartitionLedger(streams.of(one.topic), one.topic, one.number, ()) for one in silent)]
