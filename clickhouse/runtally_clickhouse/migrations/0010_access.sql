-- Who may ask, and what was done by whom (docs/access.md). Rows are added and never changed: a key is revoked by a row
-- about it, so nothing that is written late can bring it back. Only users are replaced, by the row that was written last.
CREATE TABLE IF NOT EXISTS api_keys ${ON_CLUSTER}
(
    key_id String,
    secret_sha256 String,
    name String,
    permissions Array(LowCardinality(String)),
    workspaces Array(String),
    created_by String,
    created_at DateTime64(6, 'UTC'),
    expires_at Nullable(DateTime64(6, 'UTC'))
)
ENGINE = ${REPLICATED}ReplacingMergeTree
ORDER BY key_id
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS api_key_revocations ${ON_CLUSTER}
(
    key_id String,
    revoked_by String,
    revoked_at DateTime64(6, 'UTC')
)
ENGINE = ${REPLICATED}ReplacingMergeTree
ORDER BY (key_id, revoked_at)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS api_key_uses ${ON_CLUSTER}
(
    key_id String,
    used_at DateTime64(6, 'UTC')
)
ENGINE = ${REPLICATED}ReplacingMergeTree(used_at)
ORDER BY key_id
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS local_users ${ON_CLUSTER}
(
    email String,
    password_hash String,
    role LowCardinality(String),
    workspaces Array(String),
    is_removed Bool,
    signed_in_since DateTime64(6, 'UTC'),
    changed_at DateTime64(6, 'UTC')
)
ENGINE = ${REPLICATED}ReplacingMergeTree(changed_at)
ORDER BY email
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

-- Refresh tokens, a family for each time that somebody signed in: `issued`, `used` (once, or the family is over), `ended`.
CREATE TABLE IF NOT EXISTS refresh_tokens ${ON_CLUSTER}
(
    family String,
    event LowCardinality(String),
    token_sha256 String,
    nonce UInt64,
    email String,
    began_at DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC'),
    expires_at DateTime64(6, 'UTC')
)
ENGINE = ${REPLICATED}ReplacingMergeTree
ORDER BY (family, event, token_sha256, nonce)
TTL toDateTime(expires_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS sign_in_attempts ${ON_CLUSTER}
(
    account_sha256 String,
    attempted_at DateTime64(6, 'UTC'),
    nonce UInt64,
    succeeded Bool
)
ENGINE = ${REPLICATED}ReplacingMergeTree
ORDER BY (account_sha256, attempted_at, nonce, succeeded)
TTL toDateTime(attempted_at) + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS audit_log ${ON_CLUSTER}
(
    recorded_at DateTime64(6, 'UTC'),
    entry_id String,
    act LowCardinality(String),
    outcome LowCardinality(String),
    actor String,
    actor_email String,
    workspaces Array(String),
    target String,
    source_address String,
    request_id String,
    details Map(String, String)
)
ENGINE = ${REPLICATED}ReplacingMergeTree
PARTITION BY toYYYYMM(recorded_at)
ORDER BY (recorded_at, entry_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
