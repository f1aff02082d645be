"""The Arrow schemas of the event tables: exactly the columns of the migrations, in their order.

Types as `insert_arrow` stores them right: UUID as big-endian binary(16), UInt128 as little-endian binary(16).
"""

import pyarrow as pa

UUID = pa.binary(16)
UINT128 = pa.binary(16)
MONEY = pa.decimal128(18, 9)
MICROS = pa.timestamp("us", tz="UTC")
COUNT = pa.uint64()
STRINGS = pa.map_(pa.string(), pa.string())
TEXT = pa.string()

AGENT_RUNS = pa.schema(
    [
        ("workspace_id", TEXT),
        ("run_id", UUID),
        ("external_id", TEXT),
        ("version", UINT128),
        ("is_deleted", pa.uint8()),
        ("updated_at", MICROS),
        ("finished_at", MICROS),
        ("handed_off_at", MICROS),
        ("agent_id", TEXT),
        ("agent_name", TEXT),
        ("agent_version", TEXT),
        ("status", TEXT),
        ("duration_ms", COUNT),
        ("queue_ms", COUNT),
        ("clock_skew", pa.bool_()),
        ("provider", TEXT),
        ("model", TEXT),
        ("environment", TEXT),
        ("trigger", TEXT),
        ("user_id", TEXT),
        ("session_id", TEXT),
        ("trace_id", TEXT),
        ("parent_run_id", TEXT),
        ("input_tokens", COUNT),
        ("output_tokens", COUNT),
        ("cache_read_tokens", COUNT),
        ("cache_write_tokens", COUNT),
        ("reasoning_tokens", COUNT),
        ("cost_usd", MONEY),
        ("cost_source", TEXT),
        ("price_version", TEXT),
        ("credits", MONEY),
        ("llm_calls", COUNT),
        ("tool_calls", COUNT),
        ("files_modified", COUNT),
        ("retries", COUNT),
        ("error_type", TEXT),
        ("error_severity", TEXT),
        ("error_category", TEXT),
        ("error_message", TEXT),
        ("recovered", pa.bool_()),
        ("recovery_ms", COUNT),
        ("tags", STRINGS),
    ]
)

AGENT_FEEDBACK = pa.schema(
    [
        ("workspace_id", TEXT),
        ("id", UUID),
        ("version", UINT128),
        ("feedback_id", TEXT),
        ("created_at", MICROS),
        ("run_id", TEXT),
        ("agent_id", TEXT),
        ("user_id", TEXT),
        ("rating", pa.uint8()),
        ("comment", TEXT),
        ("category", TEXT),
        ("sentiment", TEXT),
        ("sentiment_score", pa.float64()),
    ]
)

AGENT_LIFECYCLE = pa.schema(
    [
        ("workspace_id", TEXT),
        ("id", UUID),
        ("version", UINT128),
        ("event_id", TEXT),
        ("at", MICROS),
        ("agent_id", TEXT),
        ("from_state", TEXT),
        ("to_state", TEXT),
        ("reason", TEXT),
        ("actor", TEXT),
    ]
)

USER_ACTIVITY = pa.schema(
    [
        ("workspace_id", TEXT),
        ("id", UUID),
        ("version", UINT128),
        ("event_id", TEXT),
        ("at", MICROS),
        ("user_id", TEXT),
        ("session_id", TEXT),
        ("event_name", TEXT),
        ("revenue_usd", MONEY),
        ("properties", STRINGS),
    ]
)
