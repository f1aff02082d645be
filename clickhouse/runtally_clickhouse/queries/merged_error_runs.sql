-- The merged runs of a range that failed, timed out or name an error_type, one by one. Those of clean buckets come out of
-- error_runs, at their current generation; those of every other bucket from the merged runs. `state` is bucket_state.sql.
-- Only for questions that let no other runs pass: what is no error is missing here. Merged runs stand first, or answers
-- are wrong; run_facts.sql says why.
SELECT
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
    recovery_ms,
    is_stalled,
    total_tokens
FROM merged_runs
WHERE
    toStartOfFifteenMinutes(started_at) IN (SELECT arrayJoin(state.2))
    AND (error_type != '' OR status IN ('failed', 'timed_out'))
UNION ALL
SELECT
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
    recovery_ms,
    status = 'running' AND started_at < fromUnixTimestamp64Milli({stalled_before_ms:Int64}, 'UTC') AS is_stalled,
    if(
        isNull(input_tokens) AND isNull(output_tokens),
        NULL,
        ifNull(input_tokens, 0) + ifNull(output_tokens, 0)
    ) AS total_tokens
FROM error_runs
WHERE
    (bucket, generation) IN (SELECT arrayJoin(state.1))
    AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
    AND (empty({workspace_ids:Array(String)}) OR workspace_id IN {workspace_ids:Array(String)})
    AND (empty({agent_ids:Array(String)}) OR agent_id IN {agent_ids:Array(String)})
    AND (empty({models:Array(String)}) OR model IN {models:Array(String)})
    AND (empty({user_ids:Array(String)}) OR user_id IN {user_ids:Array(String)})
    AND (empty({environments:Array(String)}) OR environment IN {environments:Array(String)})
    AND ({root_only:UInt8} = 0 OR parent_run_id = '')
    AND (
        empty({statuses:Array(String)})
        OR if(
            status = 'running' AND started_at < fromUnixTimestamp64Milli({stalled_before_ms:Int64}, 'UTC'),
            'stalled',
            status
        ) IN {statuses:Array(String)}
    )
