-- What the runs of each 15 minutes (UTC) say of users and sessions: sums over the merged runs that agree in all of
-- the columns up to session_id, as they were when the bucket was rolled up, under the very generation of its cells in
-- run_rollup. A session's runs within a quarter hour are mostly of one user, agent and status, so these cells are a
-- fraction of the runs where those of all dimensions would be as many. started_at is when the first of a cell's runs
-- began: by it an erasure tells what it is about. Rows count only while bucket_rollups says that theirs is the
-- bucket's current generation. Derived: never backed up. Columns are those of queries/session_cells_of_buckets.sql;
-- whoever changes what is in them changes the layout of quarter hours.
CREATE TABLE IF NOT EXISTS session_cells ${ON_CLUSTER}
(
    bucket DateTime('UTC'),
    generation UInt64,
    workspace_id LowCardinality(String),
    agent_id LowCardinality(String),
    environment LowCardinality(String),
    status LowCardinality(String),
    is_root UInt8,
    user_id String,
    session_id String,
    started_at DateTime64(3, 'UTC'),
    last_at_ms Int64,
    last_end_ms Int64,
    runs UInt64,
    duration_ms_sum UInt128,
    duration_ms_known UInt64,
    total_tokens_sum UInt128,
    total_tokens_known UInt64,
    cost_usd_sum Decimal(38, 9),
    cost_usd_known UInt64,
    handed_off_ended UInt64,
    handed_off_in_session UInt64
)
ENGINE = ${REPLICATED}MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, user_id, session_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
