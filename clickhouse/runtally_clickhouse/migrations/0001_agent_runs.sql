-- One row per version of a run; reading with FINAL keeps the version that wins.
-- Partition and sorting key are functions of the run's identity alone, or versions would never merge.
-- started_at comes out of run_id, so no writer can give a run two starts.
CREATE TABLE IF NOT EXISTS agent_runs ${ON_CLUSTER}
(
    workspace_id LowCardinality(String),
    run_id UUID,
    external_id String,
    started_at DateTime64(3, 'UTC') MATERIALIZED UUIDv7ToDateTime(run_id, 'UTC'),
    version UInt128,
    is_deleted UInt8,
    updated_at DateTime64(6, 'UTC'),
    finished_at Nullable(DateTime64(6, 'UTC')),
    handed_off_at Nullable(DateTime64(6, 'UTC')),
    agent_id LowCardinality(String),
    agent_name LowCardinality(String),
    agent_version LowCardinality(String),
    status LowCardinality(String),
    duration_ms Nullable(UInt64),
    queue_ms Nullable(UInt64),
    clock_skew Bool,
    provider LowCardinality(String),
    model LowCardinality(String),
    environment LowCardinality(String),
    `trigger` LowCardinality(String),
    user_id String,
    session_id String,
    trace_id String,
    parent_run_id String,
    input_tokens Nullable(UInt64),
    output_tokens Nullable(UInt64),
    cache_read_tokens Nullable(UInt64),
    cache_write_tokens Nullable(UInt64),
    reasoning_tokens Nullable(UInt64),
    cost_usd Nullable(Decimal(18, 9)),
    cost_source LowCardinality(String),
    price_version LowCardinality(String),
    credits Nullable(Decimal(18, 9)),
    llm_calls Nullable(UInt64),
    tool_calls Nullable(UInt64),
    files_modified Nullable(UInt64),
    retries Nullable(UInt64),
    error_type LowCardinality(String),
    error_severity LowCardinality(String),
    error_category LowCardinality(String),
    error_message String,
    recovered Nullable(Bool),
    recovery_ms Nullable(UInt64),
    tags Map(LowCardinality(String), String),
    INDEX external_id_filter external_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX session_id_filter session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX parent_run_id_filter parent_run_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${REPLICATED}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(started_at)
ORDER BY (workspace_id, started_at, run_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
