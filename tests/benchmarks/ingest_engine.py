"""ClickHouse's own way from Kafka into `agent_runs`: its Kafka engine with JSONEachRow and a materialized view."""

from runtally_clickhouse.client import Store

_TEXTS = (
    "workspace_id run_id agent_id agent_name agent_version status provider model environment trigger user_id "
    "session_id trace_id parent_run_id cost_source price_version error_type error_severity error_category "
    "error_message"
).split()
_COUNTS = (
    "duration_ms queue_ms input_tokens output_tokens cache_read_tokens cache_write_tokens reasoning_tokens llm_calls "
    "tool_calls files_modified retries recovery_ms"
).split()
_INSTANTS = ("started_at", "finished_at", "handed_off_at")
_MONEY = ("cost_usd", "credits")

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


def create_queue(store: Store, bootstrap: str, topic: str, group: str, consumers: int) -> None:
    """The Kafka table. It reads nothing before it has a view."""
    columns = [
        *(f"`{name}` String" for name in _TEXTS),
        *(f"{name} Nullable(UInt64)" for name in _COUNTS),
        *(f"{name} Nullable(DateTime64(6, 'UTC'))" for name in _INSTANTS),
        *(f"{name} Nullable(Decimal(18, 9))" for name in _MONEY),
        "updated_at DateTime64(6, 'UTC')",
        "deleted Bool",
        "recovered Nullable(Bool)",
        "tags Map(String, String)",
    ]
    # Big blocks: one flush for each, and few parts to merge. Measured against the defaults and smaller ones.
    store.command(
        f"""
        CREATE TABLE runs_queue ({", ".join(columns)}) ENGINE = Kafka
        SETTINGS kafka_broker_list = '{bootstrap}', kafka_topic_list = '{topic}', kafka_group_name = '{group}',
            kafka_format = 'JSONEachRow', kafka_num_consumers = {consumers}, kafka_thread_per_consumer = 1,
            kafka_max_block_size = 131072, kafka_poll_max_batch_size = 65536, kafka_flush_interval_ms = 2000,
            kafka_poll_timeout_ms = 100, date_time_input_format = 'best_effort'
        """
    )


def start_reading(store: Store) -> None:
    """The view: from here on messages move."""
    plain = [*_TEXTS, *_COUNTS, "updated_at", "finished_at", "handed_off_at", *_MONEY, "recovered", "tags"]
    selected = [f"q.`{name}` AS `{name}`" for name in plain if name not in _COMPUTED]
    selected += [f"{sql} AS {name}" for name, sql in _COMPUTED.items()]
    store.command(f"CREATE MATERIALIZED VIEW runs_view TO agent_runs AS SELECT {', '.join(selected)} FROM runs_queue AS q")

