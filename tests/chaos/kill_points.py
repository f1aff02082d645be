"""The places in the consumer at which a test kills it, and what kills itself there.

Nothing in the product knows of them: these stand in for the classes of the same roles, do what those do, and
send their own process SIGKILL on the way. Composed by `chaos.member`.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreRefused
from runtally_consumer.dead_letters import DeadLetter
from runtally_consumer.inserting import Insertion, RowInserter
from runtally_consumer.kafka import KafkaSource
from runtally_consumer.kafka_dead_letters import KafkaDeadLetterTopic
from runtally_consumer.records import Partition, Record
from runtally_consumer.source import Assigned, Revoked

RUN_TABLE = "agent_runs"
MARKS_TABLE = "bucket_changes"
LEDGER_TABLE = "ingest_ledger"
ROLLING_UP = "INSERT INTO run_rollup"


class KillPoint(StrEnum):
    """Row 1 of the fault table. The two of the wire are killed from outside, by the proxy."""

    AFTER_FETCH = "after_fetch"
    AFTER_DECODE = "after_decode"
    BEFORE_INSERT = "before_insert"
    MID_BODY = "mid_body"
    AFTER_APPLY_BEFORE_ACK = "after_apply_before_ack"
    AFTER_ACK_BEFORE_MARKS = "after_ack_before_marks"
    BETWEEN_MARKS_AND_LEDGER = "between_marks_and_ledger"
    BETWEEN_LEDGER_AND_COMMIT = "between_ledger_and_commit"
    MID_COMMIT = "mid_commit"
    IN_REVOKE = "in_revoke"
    IN_DRAIN = "in_drain"
    MID_BISECT = "mid_bisect"
    AFTER_DEAD_LETTER_BEFORE_ACK = "after_dead_letter_before_ack"
    BEFORE_ROLLUP = "before_rollup"
    AFTER_ROLLUP_BEFORE_PUBLISH = "after_rollup_before_publish"


ON_THE_WIRE = frozenset({KillPoint.MID_BODY, KillPoint.AFTER_APPLY_BEFORE_ACK})
# Only the owner of partition 0 comes there.
OF_ROLLUPS = frozenset({KillPoint.BEFORE_ROLLUP, KillPoint.AFTER_ROLLUP_BEFORE_PUBLISH})


@dataclass
class Trap:
    """Kills this process the `count`-th time that it comes to `point`, `delay_seconds` into it where it lasts."""

    point: KillPoint | None = None
    count: int = 1
    delay_seconds: float = 0.0
    is_leaving: bool = False

    def reached(self, point: KillPoint) -> bool:
        """Whether this is the time to die here."""
        if point is not self.point:
            return False
        self.count -= 1
        return self.count <= 0

    def at(self, point: KillPoint) -> None:
        if self.reached(point):
            die()

    async def die_soon(self) -> None:
        await asyncio.sleep(self.delay_seconds)
        die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fatal_store(trap: Trap) -> type[Store]:
    """A store whose process may die around its inserts, and around what rolls runs up."""

    follows = {
        RUN_TABLE: KillPoint.AFTER_ACK_BEFORE_MARKS,
        MARKS_TABLE: KillPoint.BETWEEN_MARKS_AND_LEDGER,
        LEDGER_TABLE: KillPoint.BETWEEN_LEDGER_AND_COMMIT,
    }

    class FatalStore(Store):
        refusals = 0

        def insert(self, table: str, rows: pa.Table) -> None:
            if table == RUN_TABLE:
                trap.at(KillPoint.BEFORE_INSERT)
                if self.refusals:
                    trap.at(KillPoint.MID_BISECT)
            try:
                super().insert(table, rows)
            except StoreRefused:
                self.refusals += 1
                raise
            if table in follows:
                trap.at(follows[table])

        def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
            if ROLLING_UP in sql:
                trap.at(KillPoint.BEFORE_ROLLUP)
            super().command(sql, parameters)
            if ROLLING_UP in sql:
                trap.at(KillPoint.AFTER_ROLLUP_BEFORE_PUBLISH)

    return FatalStore


def fatal_source(trap: Trap) -> type[KafkaSource]:
    """A source whose process may die when it fetched, commits, or loses its partitions."""

    class FatalSource(KafkaSource):
        has_read = False

        async def start(self, topics: Sequence[str], on_revoked: Revoked, on_assigned: Assigned) -> None:
            async def revoked() -> None:
                # The callback also comes before the first assignment, when there is nothing to lose.
                if self.has_read and trap.reached(KillPoint.IN_REVOKE):
                    await asyncio.gather(on_revoked(), trap.die_soon())
                await on_revoked()

            await super().start(topics, revoked, on_assigned)

        async def poll(self, wait_ms: int, most: int) -> dict[Partition, Sequence[Record]]:
            polled = await super().poll(wait_ms, most)
            if polled:
                self.has_read = True
                trap.at(KillPoint.AFTER_FETCH)
            return polled

        async def commit(self, offsets: Mapping[Partition, int]) -> None:
            if trap.is_leaving:
                trap.at(KillPoint.IN_DRAIN)
            if trap.reached(KillPoint.MID_COMMIT):
                await asyncio.gather(super().commit(offsets), trap.die_soon())
            await super().commit(offsets)

        async def stop(self) -> None:
            if trap.is_leaving:
                trap.at(KillPoint.IN_DRAIN)
            await super().stop()

    return FatalSource


def fatal_dead_letter_topic(trap: Trap) -> type[KafkaDeadLetterTopic]:
    """A dead-letter topic whose process may die while the broker's acknowledgement is on its way."""

    class FatalDeadLetterTopic(KafkaDeadLetterTopic):
        async def publish(self, letters: Sequence[DeadLetter]) -> None:
            if trap.reached(KillPoint.AFTER_DEAD_LETTER_BEFORE_ACK):
                await asyncio.gather(super().publish(letters), trap.die_soon())
            await super().publish(letters)

    return FatalDeadLetterTopic


def fatal_inserter(trap: Trap) -> type[RowInserter]:
    """What stands between decoding and inserting."""

    class FatalInserter(RowInserter):
        async def insert(
            self, insertion: Insertion, too_many: Callable[[Collection[int]], object] | None = None
        ) -> Mapping[int, str]:
            if insertion.table == RUN_TABLE:
                trap.at(KillPoint.AFTER_DECODE)
            return await super().insert(insertion, too_many)

    return FatalInserter
