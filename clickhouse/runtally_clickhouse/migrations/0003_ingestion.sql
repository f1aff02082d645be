-- What the consumer did with each offset. `stream` is the cluster's id: offsets mean nothing without it.
-- A range is written before its offsets are committed, and may be written again by a redelivery.
CREATE TABLE IF NOT EXISTS ingest_ledger ${ON_CLUSTER}
(
    stream LowCardinality(String),
    topic LowCardinality(String),
    `partition` UInt32,
    first_offset UInt64,
    last_offset UInt64,
    accepted UInt32,
    dead UInt32,
    acknowledged_at DateTime64(6, 'UTC')
)
ENGINE = ${REPLICATED}ReplacingMergeTree(acknowledged_at)
ORDER BY (stream, topic, `partition`, first_offset, last_offset)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- A copy of each dead letter for people to look at; the dead-letter topic is where it is kept.
CREATE TABLE IF NOT EXISTS dead_letters ${ON_CLUSTER}
(
    stream LowCardinality(String),
    topic LowCardinality(String),
    `partition` UInt32,
    `offset` UInt64,
    recorded_at DateTime64(6, 'UTC'),
    workspace_id String,
    reason LowCardinality(String),
    field LowCardinality(String),
    message String,
    key String,
    value String,
    value_bytes UInt32
)
ENGINE = ${REPLICATED}ReplacingMergeTree(recorded_at)
ORDER BY (stream, topic, `partition`, `offset`)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
