"""ClickHouse's own way from Kafka into `agent_runs`: its Kafka engine with JSONEachRow and a materialized view."""

from collections.abc import Mapping

from runtally_clickhouse.client import Store
from runtally_consumer.decoding import run_fields

_TEXTS = (*run_fields.IDENTIFIERS, *run_fields.LABELS, *run_fields.CHOICES, *run_fields.MESSAGES)
_INSTANTS = tuple(name for name in run_fields.INSTANTS if name != "updated_at")

_COMPUTED = {
    "run_id": "toUUID(q.run_id)",
    "external_id": "q.run_id",
    # Of the message's text it has no hash, so what tells two messages of one instant apart is the fields.
    "version": "bitShiftLeft(toUInt128(multiIf(deleted, 9223372036854775808, 0) "
    "+ multiIf(status = 'running', 2305843009213693952, status = 'queued', 0, 4611686018427387904) "
    "+ toUnixTimestamp64Micro(q.updated_at)), 64) + sipHash64(q.run_id, status, cost_usd, input_tokens, output_tokens)",
    "is_deleted": "deleted",
    "duration_ms": "ifNull(q.duration_ms, if(finished_at >= started_at, "
    "toUInt64(dateDiff('millisecond', started_at, finished_at)), NULL))",
    "clock_skew": "ifNull(q.duration_ms IS NULL AND finished_at < started_at, false)",
    "cost_source": "if(q.cost_source = '', if(cost_usd IS NULL, 'unknown', 'reported'), q.cost_source)",
}


# Sets of the engine's settings. `bench_ingest.py --engine-sets` measures them all, the comparison takes CHOSEN.
SETS: Mapping[str, Mapping[str, int]] = {
    "defaults": {},
    "medium_blocks": {"kafka_max_block_size": 131_072, "kafka_poll_max_batch_size": 65_536,
                      "kafka_flush_interval_ms": 2_000, "kafka_poll_timeout_ms": 100},
    "big_blocks": {"kafka_max_block_size": 524_288, "kafka_poll_max_batch_size": 65_536,
                   "kafka_flush_interval_ms": 7_500, "kafka_poll_timeout_ms": 500},
    "small_polls": {"kafka_max_block_size": 262_144, "kafka_poll_max_batch_size": 10_000,
                    "kafka_flush_interval_ms": 5_000, "kafka_poll_timeout_ms": 100},
}  # fmt: skip
CHOSEN = "medium_blocks"


def create_queue(store: Store, bootstrap: str, topic: str, group: str, consumers: int, settings: str) -> None:
    """The Kafka table, with every field that a run may have. It reads nothing before it has a view.

    Plain strings: the engine parses each message by itself, and dictionaries would cost it half as much again.
    """
    columns = [
        *(f"`{name}` String" for name in _TEXTS),
        *(f"{name} Nullable(UInt64)" for name in run_fields.COUNTS),
        *(f"{name} Nullable(DateTime64(6, 'UTC'))" for name in _INSTANTS),
        *(f"{name} Nullable(Decimal(18, 9))" for name in run_fields.MONEY),
        "updated_at DateTime64(6, 'UTC')",
        "deleted Bool",
        "recovered Nullable(Bool)",
        "tags Map(String, String)",
    ]
    tuned = "".join(f", {name} = {value}" for name, value in SETS[settings].items())
    store.command(
        f"""
        CREATE TABLE runs_queue ({", ".join(columns)}) ENGINE = Kafka
        SETTINGS kafka_broker_list = '{bootstrap}', kafka_topic_list = '{topic}', kafka_group_name = '{group}',
            kafka_format = 'JSONEachRow', kafka_num_consumers = {consumers}, kafka_thread_per_consumer = 1,
            date_time_input_format = 'best_effort'{tuned}
        """
    )


def start_reading(store: Store) -> None:
    """The view: from here on messages move."""
    plain = (*sorted(run_fields.COLUMN_FIELDS - {"started_at", "deleted"}), "tags")
    selected = [f"q.`{name}` AS `{name}`" for name in plain if name not in _COMPUTED]
    selected += [f"{sql} AS {name}" for name, sql in _COMPUTED.items()]
    columns = ", ".join(selected)
    store.command(f"CREATE MATERIALIZED VIEW runs_view TO agent_runs AS SELECT {columns} FROM runs_queue AS q")
