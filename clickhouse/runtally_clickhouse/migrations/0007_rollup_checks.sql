-- What comparing rollups with the runs has found, all the time: how many buckets were compared since the row before, and
-- the starts of those whose rollup was up to date and not what the runs said. Nothing reads it but /integrity.
CREATE TABLE IF NOT EXISTS rollup_checks ${ON_CLUSTER}
(
    checked_at DateTime64(3, 'UTC'),
    compared UInt64,
    drifted Array(DateTime('UTC'))
)
ENGINE = ${REPLICATED}MergeTree
ORDER BY checked_at
TTL toDateTime(checked_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
