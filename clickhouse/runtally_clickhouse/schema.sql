CREATE TABLE agent_feedback
(
    `workspace_id` LowCardinality(String),
    `id` UUID,
    `keyed_at` DateTime64(3, 'UTC') MATERIALIZED UUIDv7ToDateTime(id, 'UTC'),
    `version` UInt128,
    `feedback_id` String,
    `created_at` DateTime64(6, 'UTC'),
    `run_id` String,
    `agent_id` LowCardinality(String),
    `user_id` String,
    `rating` UInt8,
    `comment` String,
    `category` LowCardinality(String),
    `sentiment` LowCardinality(String),
    `sentiment_score` Nullable(Float64),
    INDEX run_id_filter run_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(keyed_at)
ORDER BY (workspace_id, keyed_at, id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE agent_lifecycle
(
    `workspace_id` LowCardinality(String),
    `id` UUID,
    `keyed_at` DateTime64(3, 'UTC') MATERIALIZED UUIDv7ToDateTime(id, 'UTC'),
    `version` UInt128,
    `event_id` String,
    `at` DateTime64(6, 'UTC'),
    `agent_id` LowCardinality(String),
    `from_state` LowCardinality(String),
    `to_state` LowCardinality(String),
    `reason` String,
    `actor` String
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(keyed_at)
ORDER BY (workspace_id, keyed_at, id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE agent_runs
(
    `workspace_id` LowCardinality(String),
    `run_id` UUID,
    `external_id` String,
    `started_at` DateTime64(3, 'UTC') MATERIALIZED UUIDv7ToDateTime(run_id, 'UTC'),
    `version` UInt128,
    `is_deleted` UInt8,
    `updated_at` DateTime64(6, 'UTC'),
    `finished_at` Nullable(DateTime64(6, 'UTC')),
    `handed_off_at` Nullable(DateTime64(6, 'UTC')),
    `agent_id` LowCardinality(String),
    `agent_name` LowCardinality(String),
    `agent_version` LowCardinality(String),
    `status` LowCardinality(String),
    `duration_ms` Nullable(UInt64),
    `queue_ms` Nullable(UInt64),
    `clock_skew` Bool,
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `environment` LowCardinality(String),
    `trigger` LowCardinality(String),
    `user_id` String,
    `session_id` String,
    `trace_id` String,
    `parent_run_id` String,
    `input_tokens` Nullable(UInt64),
    `output_tokens` Nullable(UInt64),
    `cache_read_tokens` Nullable(UInt64),
    `cache_write_tokens` Nullable(UInt64),
    `reasoning_tokens` Nullable(UInt64),
    `cost_usd` Nullable(Decimal(18, 9)),
    `cost_source` LowCardinality(String),
    `price_version` LowCardinality(String),
    `credits` Nullable(Decimal(18, 9)),
    `llm_calls` Nullable(UInt64),
    `tool_calls` Nullable(UInt64),
    `files_modified` Nullable(UInt64),
    `retries` Nullable(UInt64),
    `error_type` LowCardinality(String),
    `error_severity` LowCardinality(String),
    `error_category` LowCardinality(String),
    `error_message` String,
    `recovered` Nullable(Bool),
    `recovery_ms` Nullable(UInt64),
    `tags` Map(LowCardinality(String), String),
    INDEX external_id_filter external_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX session_id_filter session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX parent_run_id_filter parent_run_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(started_at)
ORDER BY (workspace_id, started_at, run_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE api_key_revocations
(
    `key_id` String,
    `revoked_by` String,
    `revoked_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (key_id, revoked_at)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE api_key_uses
(
    `key_id` String,
    `used_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(used_at)
ORDER BY key_id
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE api_keys
(
    `key_id` String,
    `secret_sha256` String,
    `name` String,
    `permissions` Array(LowCardinality(String)),
    `workspaces` Array(String),
    `created_by` String,
    `created_at` DateTime64(6, 'UTC'),
    `expires_at` Nullable(DateTime64(6, 'UTC'))
)
ENGINE = ReplacingMergeTree
ORDER BY key_id
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE audit_log
(
    `recorded_at` DateTime64(6, 'UTC'),
    `entry_id` String,
    `act` LowCardinality(String),
    `outcome` LowCardinality(String),
    `actor` String,
    `actor_email` String,
    `workspaces` Array(String),
    `target` String,
    `source_address` String,
    `request_id` String,
    `details` Map(String, String)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(recorded_at)
ORDER BY (recorded_at, entry_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE bucket_changes
(
    `bucket` DateTime('UTC'),
    `changes` UInt64
)
ENGINE = SummingMergeTree(changes)
ORDER BY bucket
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE bucket_rollups
(
    `bucket` DateTime('UTC'),
    `generation` UInt64,
    `seen` UInt64,
    `layout` UInt32
)
ENGINE = MergeTree
ORDER BY (bucket, generation)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE day_rollups
(
    `bucket` DateTime('UTC'),
    `generation` UInt64,
    `seen` UInt64,
    `layout` UInt32
)
ENGINE = MergeTree
ORDER BY (bucket, generation)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE dead_letters
(
    `stream` LowCardinality(String),
    `topic` LowCardinality(String),
    `partition` UInt32,
    `offset` UInt64,
    `recorded_at` DateTime64(6, 'UTC'),
    `workspace_id` String,
    `reason` LowCardinality(String),
    `field` LowCardinality(String),
    `message` String,
    `key` String,
    `value` String,
    `value_bytes` UInt32
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (stream, topic, partition, offset)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE erasures
(
    `id` UUID,
    `workspaces` Array(String),
    `user_hash` String,
    `before` DateTime64(3, 'UTC'),
    `requested_at` DateTime64(6, 'UTC'),
    `requested_by` String,
    `revision` UInt64,
    `state` LowCardinality(String),
    `settled` UInt8,
    `updated_at` DateTime64(6, 'UTC'),
    `counts_before` Map(LowCardinality(String), UInt64),
    `counts_after` Map(LowCardinality(String), UInt64),
    `reason` String
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE error_runs
(
    `bucket` DateTime('UTC'),
    `generation` UInt64,
    `workspace_id` LowCardinality(String),
    `run_id` UUID,
    `started_at` DateTime64(3, 'UTC'),
    `finished_at` Nullable(DateTime64(6, 'UTC')),
    `handed_off_at` Nullable(DateTime64(6, 'UTC')),
    `agent_id` LowCardinality(String),
    `agent_name` LowCardinality(String),
    `agent_version` LowCardinality(String),
    `status` LowCardinality(String),
    `duration_ms` Nullable(UInt64),
    `queue_ms` Nullable(UInt64),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `environment` LowCardinality(String),
    `trigger` LowCardinality(String),
    `user_id` String,
    `session_id` String,
    `parent_run_id` String,
    `input_tokens` Nullable(UInt64),
    `output_tokens` Nullable(UInt64),
    `cache_read_tokens` Nullable(UInt64),
    `cache_write_tokens` Nullable(UInt64),
    `reasoning_tokens` Nullable(UInt64),
    `cost_usd` Nullable(Decimal(18, 9)),
    `credits` Nullable(Decimal(18, 9)),
    `llm_calls` Nullable(UInt64),
    `tool_calls` Nullable(UInt64),
    `files_modified` Nullable(UInt64),
    `retries` Nullable(UInt64),
    `error_type` LowCardinality(String),
    `error_severity` LowCardinality(String),
    `error_category` LowCardinality(String),
    `recovered` Nullable(Bool),
    `recovery_ms` Nullable(UInt64)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE hour_rollups
(
    `bucket` DateTime('UTC'),
    `generation` UInt64,
    `seen` UInt64,
    `layout` UInt32
)
ENGINE = MergeTree
ORDER BY (bucket, generation)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE ingest_ledger
(
    `stream` LowCardinality(String),
    `topic` LowCardinality(String),
    `partition` UInt32,
    `first_offset` UInt64,
    `last_offset` UInt64,
    `accepted` UInt32,
    `dead` UInt32,
    `acknowledged_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(acknowledged_at)
ORDER BY (stream, topic, partition, first_offset, last_offset)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE local_users
(
    `email` String,
    `password_hash` String,
    `role` LowCardinality(String),
    `workspaces` Array(String),
    `is_removed` Bool,
    `signed_in_since` DateTime64(6, 'UTC'),
    `changed_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY email
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE partition_resumes
(
    `stream` LowCardinality(String),
    `topic` LowCardinality(String),
    `partition` UInt32,
    `judged_from` UInt64,
    `requested_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(requested_at)
ORDER BY (stream, topic, partition, judged_from)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE partition_stops
(
    `stream` LowCardinality(String),
    `topic` LowCardinality(String),
    `partition` UInt32,
    `stopped_offset` UInt64,
    `judged_from` UInt64,
    `reason` String,
    `stopped_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(stopped_at)
ORDER BY (stream, topic, partition, stopped_offset, judged_from)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE refresh_tokens
(
    `family` String,
    `event` LowCardinality(String),
    `token_sha256` String,
    `nonce` UInt64,
    `email` String,
    `began_at` DateTime64(6, 'UTC'),
    `recorded_at` DateTime64(6, 'UTC'),
    `expires_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (family, event, token_sha256, nonce)
TTL toDateTime(expires_at) + toIntervalDay(30)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE retention_horizons
(
    `event_table` LowCardinality(String),
    `before` DateTime64(3, 'UTC'),
    `revision` UInt64,
    `applied` UInt8,
    `updated_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (event_table, before)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE rollup_checks
(
    `checked_at` DateTime64(3, 'UTC'),
    `compared` UInt64,
    `drifted` Array(DateTime('UTC'))
)
ENGINE = MergeTree
ORDER BY checked_at
TTL toDateTime(checked_at) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE run_rollup
(
    `bucket` DateTime('UTC'),
    `generation` UInt64,
    `workspace_id` LowCardinality(String),
    `agent_id` LowCardinality(String),
    `agent_version` LowCardinality(String),
    `environment` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `status` LowCardinality(String),
    `error_type` LowCardinality(String),
    `is_root` UInt8,
    `runs` UInt64,
    `first_at_ms` Int64,
    `last_at_ms` Int64,
    `agent_name` LowCardinality(String),
    `agent_named_at` DateTime64(6, 'UTC'),
    `agent_named_version` UInt128,
    `cost_usd_sum` Decimal(38, 9),
    `cost_usd_known` UInt64,
    `credits_sum` Decimal(38, 9),
    `credits_known` UInt64,
    `duration_ms_sum` UInt128,
    `duration_ms_known` UInt64,
    `queue_ms_sum` UInt128,
    `queue_ms_known` UInt64,
    `input_tokens_sum` UInt128,
    `input_tokens_known` UInt64,
    `output_tokens_sum` UInt128,
    `output_tokens_known` UInt64,
    `cache_read_tokens_sum` UInt128,
    `cache_read_tokens_known` UInt64,
    `cache_write_tokens_sum` UInt128,
    `cache_write_tokens_known` UInt64,
    `reasoning_tokens_sum` UInt128,
    `reasoning_tokens_known` UInt64,
    `total_tokens_sum` UInt128,
    `total_tokens_known` UInt64,
    `llm_calls_sum` UInt128,
    `llm_calls_known` UInt64,
    `tool_calls_sum` UInt128,
    `tool_calls_known` UInt64,
    `retries_sum` UInt128,
    `retries_known` UInt64,
    `files_modified_sum` UInt128,
    `files_modified_known` UInt64,
    `duration_ms_bins` Array(UInt16),
    `duration_ms_counts` Array(UInt64),
    `queue_ms_bins` Array(UInt16),
    `queue_ms_counts` Array(UInt64),
    `cached_of_input_sum` UInt128,
    `cacheable_input_sum` UInt128,
    `handed_off_ended` UInt64,
    `recoveries` UInt64,
    `recovery_ms_sum` UInt128,
    `recovery_ms_known` UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, agent_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE run_rollup_by_day
(
    `bucket` DateTime('UTC'),
    `generation` UInt64,
    `workspace_id` LowCardinality(String),
    `agent_id` LowCardinality(String),
    `agent_version` LowCardinality(String),
    `environment` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `status` LowCardinality(String),
    `error_type` LowCardinality(String),
    `is_root` UInt8,
    `runs` UInt64,
    `first_at_ms` Int64,
    `last_at_ms` Int64,
    `agent_name` LowCardinality(String),
    `agent_named_at` DateTime64(6, 'UTC'),
    `agent_named_version` UInt128,
    `cost_usd_sum` Decimal(38, 9),
    `cost_usd_known` UInt64,
    `credits_sum` Decimal(38, 9),
    `credits_known` UInt64,
    `duration_ms_sum` UInt128,
    `duration_ms_known` UInt64,
    `queue_ms_sum` UInt128,
    `queue_ms_known` UInt64,
    `input_tokens_sum` UInt128,
    `input_tokens_known` UInt64,
    `output_tokens_sum` UInt128,
    `output_tokens_known` UInt64,
    `cache_read_tokens_sum` UInt128,
    `cache_read_tokens_known` UInt64,
    `cache_write_tokens_sum` UInt128,
    `cache_write_tokens_known` UInt64,
    `reasoning_tokens_sum` UInt128,
    `reasoning_tokens_known` UInt64,
    `total_tokens_sum` UInt128,
    `total_tokens_known` UInt64,
    `llm_calls_sum` UInt128,
    `llm_calls_known` UInt64,
    `tool_calls_sum` UInt128,
    `tool_calls_known` UInt64,
    `retries_sum` UInt128,
    `retries_known` UInt64,
    `files_modified_sum` UInt128,
    `files_modified_known` UInt64,
    `duration_ms_bins` Array(UInt16),
    `duration_ms_counts` Array(UInt64),
    `queue_ms_bins` Array(UInt16),
    `queue_ms_counts` Array(UInt64),
    `cached_of_input_sum` UInt128,
    `cacheable_input_sum` UInt128,
    `handed_off_ended` UInt64,
    `recoveries` UInt64,
    `recovery_ms_sum` UInt128,
    `recovery_ms_known` UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, agent_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 1024;

CREATE TABLE run_rollup_by_hour
(
    `bucket` DateTime('UTC'),
    `generation` UInt64,
    `workspace_id` LowCardinality(String),
    `agent_id` LowCardinality(String),
    `agent_version` LowCardinality(String),
    `environment` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `status` LowCardinality(String),
    `error_type` LowCardinality(String),
    `is_root` UInt8,
    `runs` UInt64,
    `first_at_ms` Int64,
    `last_at_ms` Int64,
    `agent_name` LowCardinality(String),
    `agent_named_at` DateTime64(6, 'UTC'),
    `agent_named_version` UInt128,
    `cost_usd_sum` Decimal(38, 9),
    `cost_usd_known` UInt64,
    `credits_sum` Decimal(38, 9),
    `credits_known` UInt64,
    `duration_ms_sum` UInt128,
    `duration_ms_known` UInt64,
    `queue_ms_sum` UInt128,
    `queue_ms_known` UInt64,
    `input_tokens_sum` UInt128,
    `input_tokens_known` UInt64,
    `output_tokens_sum` UInt128,
    `output_tokens_known` UInt64,
    `cache_read_tokens_sum` UInt128,
    `cache_read_tokens_known` UInt64,
    `cache_write_tokens_sum` UInt128,
    `cache_write_tokens_known` UInt64,
    `reasoning_tokens_sum` UInt128,
    `reasoning_tokens_known` UInt64,
    `total_tokens_sum` UInt128,
    `total_tokens_known` UInt64,
    `llm_calls_sum` UInt128,
    `llm_calls_known` UInt64,
    `tool_calls_sum` UInt128,
    `tool_calls_known` UInt64,
    `retries_sum` UInt128,
    `retries_known` UInt64,
    `files_modified_sum` UInt128,
    `files_modified_known` UInt64,
    `duration_ms_bins` Array(UInt16),
    `duration_ms_counts` Array(UInt64),
    `queue_ms_bins` Array(UInt16),
    `queue_ms_counts` Array(UInt64),
    `cached_of_input_sum` UInt128,
    `cacheable_input_sum` UInt128,
    `handed_off_ended` UInt64,
    `recoveries` UInt64,
    `recovery_ms_sum` UInt128,
    `recovery_ms_known` UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, agent_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 1024;

CREATE TABLE schema_migrations
(
    `number` UInt32,
    `name` String,
    `checksum` String,
    `applied_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY number
SETTINGS index_granularity = 8192;

CREATE TABLE session_cells
(
    `bucket` DateTime('UTC'),
    `generation` UInt64,
    `workspace_id` LowCardinality(String),
    `agent_id` LowCardinality(String),
    `environment` LowCardinality(String),
    `status` LowCardinality(String),
    `is_root` UInt8,
    `user_id` String,
    `session_id` String,
    `hashed_user` UInt128,
    `hashed_session` UInt128,
    `started_at` DateTime64(3, 'UTC'),
    `last_at_ms` Int64,
    `last_end_ms` Int64,
    `runs` UInt64,
    `duration_ms_sum` UInt128,
    `duration_ms_known` UInt64,
    `total_tokens_sum` UInt128,
    `total_tokens_known` UInt64,
    `cost_usd_sum` Decimal(38, 9),
    `cost_usd_known` UInt64,
    `handed_off_ended` UInt64,
    `handed_off_in_session` UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, user_id, session_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE session_cells_by_hour
(
    `bucket` DateTime('UTC'),
    `generation` UInt64,
    `workspace_id` LowCardinality(String),
    `agent_id` LowCardinality(String),
    `environment` LowCardinality(String),
    `status` LowCardinality(String),
    `is_root` UInt8,
    `user_id` String,
    `session_id` String,
    `hashed_user` UInt128,
    `hashed_session` UInt128,
    `started_at` DateTime64(3, 'UTC'),
    `last_at_ms` Int64,
    `last_end_ms` Int64,
    `runs` UInt64,
    `duration_ms_sum` UInt128,
    `duration_ms_known` UInt64,
    `total_tokens_sum` UInt128,
    `total_tokens_known` UInt64,
    `cost_usd_sum` Decimal(38, 9),
    `cost_usd_known` UInt64,
    `handed_off_ended` UInt64,
    `handed_off_in_session` UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, user_id, session_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE sign_in_attempts
(
    `account_sha256` String,
    `attempted_at` DateTime64(6, 'UTC'),
    `nonce` UInt64,
    `succeeded` Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (account_sha256, attempted_at, nonce, succeeded)
TTL toDateTime(attempted_at) + toIntervalDay(7)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;

CREATE TABLE user_activity
(
    `workspace_id` LowCardinality(String),
    `id` UUID,
    `keyed_at` DateTime64(3, 'UTC') MATERIALIZED UUIDv7ToDateTime(id, 'UTC'),
    `version` UInt128,
    `event_id` String,
    `at` DateTime64(6, 'UTC'),
    `user_id` String,
    `session_id` String,
    `event_name` LowCardinality(String),
    `revenue_usd` Nullable(Decimal(18, 9)),
    `properties` Map(LowCardinality(String), String)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(keyed_at)
ORDER BY (workspace_id, keyed_at, id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0, index_granularity = 8192;
