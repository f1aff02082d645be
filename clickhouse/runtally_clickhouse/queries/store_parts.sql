-- What the store is like now, as its active data parts tell it, by name and content; merges change both texts for nothing.
-- `watermark` changes whenever anything does that an answer can hold. It sees every writer, also one that marks nothing, and
-- every mark, as the runs before it may be told only once it is there; what is derived is left out, and who may ask.
-- `state_fingerprint` changes whenever the state of the buckets does. `first_s` and `last_s` are the seconds in which the
-- first and the last stored row of a run began, as the parts note them of their partition key: deleted runs and earlier
-- versions count, and those that nobody marked. `run_parts` is 0 in an empty store.
SELECT
    toString(sumIf(
        cityHash64(`table`, name, hash_of_all_files),
        `table` NOT IN (
            'bucket_rollups', 'hour_rollups', 'day_rollups',
            'run_rollup', 'run_rollup_by_hour', 'run_rollup_by_day', 'error_runs',
            'api_keys', 'api_key_revocations', 'api_key_uses', 'local_users', 'refresh_tokens', 'sign_in_attempts', 'audit_log'
        )
    )) AS watermark,
    toString(sumIf(
        cityHash64(`table`, name, hash_of_all_files),
        `table` IN ('bucket_changes', 'bucket_rollups', 'hour_rollups', 'day_rollups')
    )) AS state_fingerprint,
    countIf(is_of_runs) AS run_parts,
    toUnixTimestamp(minIf(min_time, is_of_runs)) AS first_s,
    toUnixTimestamp(maxIf(max_time, is_of_runs)) AS last_s
FROM (
    SELECT `table`, name, hash_of_all_files, min_time, max_time, `table` = 'agent_runs' AND rows > 0 AS is_of_runs
    FROM system.parts
    WHERE database = currentDatabase() AND active
)
