-- What changes whenever anything does that an answer can hold: the data parts of all tables, by name and content. It
-- sees every writer, also one that marks nothing; and every mark, as the runs before it may be told only once it is there.
-- Merges change it, too, for nothing; what is derived is left out, and who may ask.
SELECT toString(sum(cityHash64(`table`, name, hash_of_all_files))) AS watermark
FROM system.parts
WHERE
    database = currentDatabase()
    AND active
    AND `table` NOT IN (
        'bucket_rollups', 'hour_rollups', 'day_rollups',
        'run_rollup', 'run_rollup_by_hour', 'run_rollup_by_day', 'error_runs',
        'api_keys', 'api_key_revocations', 'api_key_uses', 'local_users', 'refresh_tokens', 'sign_in_attempts', 'audit_log'
    )
