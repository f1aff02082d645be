"""The consumer's composition root: settings in, a running consumer out."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from runtally.connection import KafkaConnection
from runtally.kafka_producer import start_producer
from runtally.streams import present_streams
from runtally_clickhouse.catalogue import ingested_ranges
from runtally_clickhouse.client import Store
from runtally_clickhouse.store_facts import examine_store, require_fit

from runtally_consumer.dead_letter_limits import DeadLetterLimit
from runtally_consumer.engine import Engine
from runtally_consumer.gap_watch import KafkaCommittedLog, LedgerGapWatch
from runtally_consumer.kafka import KafkaSource
from runtally_consumer.kafka_dead_letters import KafkaDeadLetterTopic
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.placing import ledger_of
from runtally_consumer.resuming import StoreStopRegister
from runtally_consumer.rollups.composition import OWNED_WITH, rollups_kept
from runtally_consumer.service import Consumer
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.start_checks import examine_keeping, log_findings
from runtally_consumer.store_watch import StoreWatch
from runtally_consumer.threads import in_daemon_thread
from runtally_consumer.topics import DEAD_LETTER_BYTES
from runtally_consumer.withdrawals_keeping import StoredWithdrawals, withdrawals_kept
from runtally_consumer.writing import BatchWriter

PRODUCER_STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ConsumerParts:
    """A consumer that has not joined its group yet, and what it is watched by."""

    consumer: Consumer
    metrics: ConsumerMetrics


@asynccontextmanager
async def compose_consumer(
    connection: KafkaConnection, store: Store, settings: ConsumerSettings
) -> AsyncIterator[ConsumerParts]:
    """Connect to the brokers and put the parts together.

    The store belongs to the caller and must have its schema. Raises `KafkaError` when no broker answers, `StoreUnfit`
    when writing to the store would make answers wrong, `StoreError` when it does not answer.
    """
    await in_daemon_thread(require_fit, store)
    stream = (await present_streams(connection, [])).cluster_id
    log_findings(await examine_keeping(connection, stream, settings.outage_budget_hours))
    producer = await start_producer(
        connection,
        "runtally-dead-letters",
        signs=False,  # a letter keeps the headers that it came with
        max_request_size=DEAD_LETTER_BYTES,
        request_timeout_ms=10_000,
        enable_idempotence=False,  # see KafkaDeadLetterTopic
    )
    try:
        metrics = ConsumerMetrics()
        source = KafkaSource(connection, settings, ledger=ledger_of(store))
        writer = BatchWriter(
            store,
            KafkaDeadLetterTopic(producer),
            stream,
            lambda: datetime.now(UTC),
            time.monotonic,
            DeadLetterLimit(),
            streams=source.streams,
            withdrawn=StoredWithdrawals(store),
            producer_keys=settings.read_producer_keys(),
        )
        consumer = Consumer(
            source,
            Engine(settings.limits(), random.random),
            writer,
            metrics,
            time.monotonic,
            settings.drain_seconds,
            StoreStopRegister(store, lambda topic: source.streams.get(topic, stream), lambda: datetime.now(UTC)),
            StoreWatch(lambda: examine_store(store), settings.store_check_seconds),
            LedgerGapWatch(
                KafkaCommittedLog(connection, source),
                partial(ingested_ranges, store),
                metrics,
                settings.store_check_seconds,
            ),
        )
        source.on_lost = consumer.stop_at_loss
        source.on_made_anew = lambda topic: metrics.topics_made_anew.labels(topic).inc()
        async with (
            rollups_kept(store, settings, metrics, consumer.owns),
            withdrawals_kept(store, metrics, lambda: consumer.owns(OWNED_WITH)),
        ):
            yield ConsumerParts(consumer, metrics)
    finally:
        # It waits for what it still holds; those letters were not acknowledged, so their records are read again.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), PRODUCER_STOP_SECONDS)
