-- The rows of error_runs as merged runs give them: those that failed, timed out or name an error_type, of the buckets named.
-- Not there is what nobody groups them by or adds up: ids of single runs, tags, messages, where a cost comes from.
SELECT
    toStartOfFifteenMinutes(started_at) AS bucket,
    workspace_id,
    run_id,
    started_at,
    finished_at,
    handed_off_at,
    agent_id,
    agent_name,
    agent_version,
    status,
    duration_ms,
    queue_ms,
    provider,
    model,
    environment,
    `trigger`,
    user_id,
    session_id,
    parent_run_id,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    cost_usd,
    credits,
    llm_calls,
    tool_calls,
    files_modified,
    retries,
    error_type,
    error_severity,
    error_category,
    recovered,
    recovery_ms
FROM merged_runs
WHERE
    bucket IN (SELECT toDateTime(arrayJoin({buckets:Array(UInt32)}), 'UTC'))
    AND (error_type != '' OR status IN ('failed', 'timed_out'))
