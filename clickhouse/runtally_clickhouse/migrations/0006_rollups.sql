-- Runs rolled up by the 15 minutes (UTC) that they began in, recomputed from merged rows and swapped in whole: rows
-- of a generation count only while bucket_rollups says that it is the bucket's current one. Derived: never backed up.
-- Columns are those of queries/rolled_up_cells.sql; whoever changes what is in them changes ROLLUP_LAYOUT.
CREATE TABLE IF NOT EXISTS run_rollup ${ON_CLUSTER}
(
    bucket DateTime('UTC'),
    generation UInt64,
    workspace_id LowCardinality(String),
    agent_id LowCardinality(String),
    agent_version LowCardinality(String),
    environment LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    status LowCardinality(String),
    error_type LowCardinality(String),
    is_root UInt8,
    runs UInt64,
    first_at_ms Int64,
    last_at_ms Int64,
    agent_name LowCardinality(String),
    agent_named_at DateTime64(6, 'UTC'),
    agent_named_version UInt128,
    cost_usd_sum Decimal(38, 9),
    cost_usd_known UInt64,
    credits_sum Decimal(38, 9),
    credits_known UInt64,
    duration_ms_sum UInt128,
    duration_ms_known UInt64,
    queue_ms_sum UInt128,
    queue_ms_known UInt64,
    input_tokens_sum UInt128,
    input_tokens_known UInt64,
    output_tokens_sum UInt128,
    output_tokens_known UInt64,
    cache_read_tokens_sum UInt128,
    cache_read_tokens_known UInt64,
    cache_write_tokens_sum UInt128,
    cache_write_tokens_known UInt64,
    reasoning_tokens_sum UInt128,
    reasoning_tokens_known UInt64,
    total_tokens_sum UInt128,
    total_tokens_known UInt64,
    llm_calls_sum UInt128,
    llm_calls_known UInt64,
    tool_calls_sum UInt128,
    tool_calls_known UInt64,
    retries_sum UInt128,
    retries_known UInt64,
    files_modified_sum UInt128,
    files_modified_known UInt64,
    duration_ms_bins Array(UInt16),
    duration_ms_counts Array(UInt64),
    queue_ms_bins Array(UInt16),
    queue_ms_counts Array(UInt64),
    cached_of_input_sum UInt128,
    cacheable_input_sum UInt128,
    handed_off_ended UInt64,
    recoveries UInt64,
    recovery_ms_sum UInt128,
    recovery_ms_known UInt64
)
ENGINE = ${REPLICATED}MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, agent_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- Which generation of a bucket is published: the greatest. Its rows hold all that was marked when the bucket's sum in
-- bucket_changes was `seen`; they are up to date while the sum is equal to it, and their layout is today's.
CREATE TABLE IF NOT EXISTS bucket_rollups ${ON_CLUSTER}
(
    bucket DateTime('UTC'),
    generation UInt64,
    seen UInt64,
    layout UInt32
)
ENGINE = ${REPLICATED}MergeTree
ORDER BY (bucket, generation)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
