-- Partitions that their consumer has stopped, and people's requests to go on. Whoever owns the partition next stops at
-- the same records, and goes on by the same request: records below `judged_from` pass, so a later stop needs another.
CREATE TABLE IF NOT EXISTS partition_stops ${ON_CLUSTER}
(
    stream LowCardinality(String),
    topic LowCardinality(String),
    `partition` UInt32,
    stopped_offset UInt64,
    judged_from UInt64,
    reason String,
    stopped_at DateTime64(6, 'UTC')
)
ENGINE = ${REPLICATED}ReplacingMergeTree(stopped_at)
ORDER BY (stream, topic, `partition`, stopped_offset, judged_from)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS partition_resumes ${ON_CLUSTER}
(
    stream LowCardinality(String),
    topic LowCardinality(String),
    `partition` UInt32,
    judged_from UInt64,
    requested_at DateTime64(6, 'UTC')
)
ENGINE = ${REPLICATED}ReplacingMergeTree(requested_at)
ORDER BY (stream, topic, `partition`, judged_from)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
