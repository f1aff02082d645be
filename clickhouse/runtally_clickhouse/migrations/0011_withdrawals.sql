-- What is gone from the store for good, whatever the topics still hold. Everybody who writes events looks here before and
-- after each insert. Rows are never taken away: that would let a replay bring back what they withdrew.
-- An erasure withdraws what began before an instant: all of some workspaces, or what names one user there (everywhere, where
-- none is named). Of the user only SHA-256 is kept. The row is the job as well: how far it is, and what it counted.
CREATE TABLE IF NOT EXISTS erasures ${ON_CLUSTER}
(
    id UUID,
    workspaces Array(String),
    user_hash String,
    `before` DateTime64(3, 'UTC'),
    requested_at DateTime64(6, 'UTC'),
    requested_by String,
    revision UInt64,
    state LowCardinality(String),
    settled UInt8,
    updated_at DateTime64(6, 'UTC'),
    counts_before Map(LowCardinality(String), UInt64),
    counts_after Map(LowCardinality(String), UInt64),
    reason String
)
ENGINE = ${REPLICATED}ReplacingMergeTree(revision)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- Events of a table that began before its greatest `before`, which is the start of a month, are gone.
CREATE TABLE IF NOT EXISTS retention_horizons ${ON_CLUSTER}
(
    event_table LowCardinality(String),
    `before` DateTime64(3, 'UTC'),
    revision UInt64,
    applied UInt8,
    updated_at DateTime64(6, 'UTC')
)
ENGINE = ${REPLICATED}ReplacingMergeTree(revision)
ORDER BY (event_table, `before`)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
