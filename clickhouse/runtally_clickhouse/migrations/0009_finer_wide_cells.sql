-- The cells of hours and days once more, in granules of 1 024 rows: one of 8 192 holds the cells of many workspaces, and a
-- question about one reads them all, part by part. Under new names, as a granule's size is for good, and as no service that
-- starts at the same time may empty a table that another one has begun to fill. Their layouts are new, so what was rolled
-- up into the old ones counts no more. Derived: never backed up.
CREATE TABLE IF NOT EXISTS run_rollup_by_hour ${ON_CLUSTER} AS run_rollup
ENGINE = ${REPLICATED}MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, agent_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 1024;

CREATE TABLE IF NOT EXISTS run_rollup_by_day ${ON_CLUSTER} AS run_rollup
ENGINE = ${REPLICATED}MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, agent_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 1024;

DROP TABLE IF EXISTS run_rollup_hourly ${ON_CLUSTER} SYNC;

DROP TABLE IF EXISTS run_rollup_daily ${ON_CLUSTER} SYNC;
