-- The same cells as in run_rollup, made of these, by hour and by day (UTC): few enough that a question about a month
-- does not feel how many runs there were. `bucket` is where the hour or day begins. rollup_levels.py tells which columns
-- hold nothing there; whoever changes what is in them changes that level's layout. Derived: never backed up.
CREATE TABLE IF NOT EXISTS run_rollup_hourly ${ON_CLUSTER} AS run_rollup
ENGINE = ${REPLICATED}MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, agent_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS run_rollup_daily ${ON_CLUSTER} AS run_rollup
ENGINE = ${REPLICATED}MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, agent_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- As bucket_rollups: `seen` is the sum of the marks of all buckets that lie in the hour or day.
CREATE TABLE IF NOT EXISTS hour_rollups ${ON_CLUSTER}
(
    bucket DateTime('UTC'),
    generation UInt64,
    seen UInt64,
    layout UInt32
)
ENGINE = ${REPLICATED}MergeTree
ORDER BY (bucket, generation)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS day_rollups ${ON_CLUSTER}
(
    bucket DateTime('UTC'),
    generation UInt64,
    seen UInt64,
    layout UInt32
)
ENGINE = ${REPLICATED}MergeTree
ORDER BY (bucket, generation)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
