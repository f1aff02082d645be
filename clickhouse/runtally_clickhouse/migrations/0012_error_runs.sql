-- The runs with errors of each 15 minutes (UTC), those that failed, timed out or name an error_type: merged rows as they
-- were when the bucket was rolled up, under the very generation of its cells in run_rollup. They are few, and questions
-- about them ask what no cell tells apart: users, sessions, categories. Rows count only while bucket_rollups says that
-- theirs is the bucket's current generation. Derived: never backed up. Columns are those of queries/error_runs_of_buckets.sql;
-- whoever changes what is in them changes the layout of quarter hours.
CREATE TABLE IF NOT EXISTS error_runs ${ON_CLUSTER}
(
    bucket DateTime('UTC'),
    generation UInt64,
    workspace_id LowCardinality(String),
    run_id UUID,
    started_at DateTime64(3, 'UTC'),
    finished_at Nullable(DateTime64(6, 'UTC')),
    handed_off_at Nullable(DateTime64(6, 'UTC')),
    agent_id LowCardinality(String),
    agent_name LowCardinality(String),
    agent_version LowCardinality(String),
    status LowCardinality(String),
    duration_ms Nullable(UInt64),
    queue_ms Nullable(UInt64),
    provider LowCardinality(String),
    model LowCardinality(String),
    environment LowCardinality(String),
    `trigger` LowCardinality(String),
    user_id String,
    session_id String,
    parent_run_id String,
    input_tokens Nullable(UInt64),
    output_tokens Nullable(UInt64),
    cache_read_tokens Nullable(UInt64),
    cache_write_tokens Nullable(UInt64),
    reasoning_tokens Nullable(UInt64),
    cost_usd Nullable(Decimal(18, 9)),
    credits Nullable(Decimal(18, 9)),
    llm_calls Nullable(UInt64),
    tool_calls Nullable(UInt64),
    files_modified Nullable(UInt64),
    retries Nullable(UInt64),
    error_type LowCardinality(String),
    error_severity LowCardinality(String),
    error_category LowCardinality(String),
    recovered Nullable(Bool),
    recovery_ms Nullable(UInt64)
)
ENGINE = ${REPLICATED}MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
