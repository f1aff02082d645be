-- The other three topics, by the rules of agent_runs: `id` is the given event id when it is a UUIDv7, else the
-- UUIDv7 derived from (workspace, given id, time), so an event delivered twice is one event.
CREATE TABLE IF NOT EXISTS agent_feedback ${ON_CLUSTER}
(
    workspace_id LowCardinality(String),
    id UUID,
    keyed_at DateTime64(3, 'UTC') MATERIALIZED UUIDv7ToDateTime(id, 'UTC'),
    version UInt128,
    feedback_id String,
    created_at DateTime64(6, 'UTC'),
    run_id String,
    agent_id LowCardinality(String),
    user_id String,
    rating UInt8,
    comment String,
    category LowCardinality(String),
    sentiment LowCardinality(String),
    sentiment_score Nullable(Float64),
    INDEX run_id_filter run_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${REPLICATED}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(keyed_at)
ORDER BY (workspace_id, keyed_at, id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS agent_lifecycle ${ON_CLUSTER}
(
    workspace_id LowCardinality(String),
    id UUID,
    keyed_at DateTime64(3, 'UTC') MATERIALIZED UUIDv7ToDateTime(id, 'UTC'),
    version UInt128,
    event_id String,
    at DateTime64(6, 'UTC'),
    agent_id LowCardinality(String),
    from_state LowCardinality(String),
    to_state LowCardinality(String),
    reason String,
    actor String
)
ENGINE = ${REPLICATED}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(keyed_at)
ORDER BY (workspace_id, keyed_at, id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS user_activity ${ON_CLUSTER}
(
    workspace_id LowCardinality(String),
    id UUID,
    keyed_at DateTime64(3, 'UTC') MATERIALIZED UUIDv7ToDateTime(id, 'UTC'),
    version UInt128,
    event_id String,
    at DateTime64(6, 'UTC'),
    user_id String,
    session_id String,
    event_name LowCardinality(String),
    revenue_usd Nullable(Decimal(18, 9)),
    properties Map(LowCardinality(String), String)
)
ENGINE = ${REPLICATED}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(keyed_at)
ORDER BY (workspace_id, keyed_at, id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
