-- The one relation that most questions read: cells of runs that agree in all of these dimensions and began in the same
-- 15 minutes (UTC), with columns that add up. Cells of clean buckets come rolled up, at their current generation; every
-- other bucket of the range is read from the merged runs, each a cell of one. `state` is bucket_state.sql.
-- A cell may hold one run or many, and the same runs may be spread over several cells: so every measure over it is an
-- expression over sums.
-- The merged runs stand first, or answers are wrong. The engine pins each table's parts when it comes to its name, from
-- above to below, and `state` when it first comes to that: here agent_runs, then bucket_changes and bucket_rollups, then
-- run_rollup. Were run_rollup pinned before the state, a generation that was published in between would be read as if
-- it had no rows, and its bucket vanish (tests/clickhouse/test_torn_reads.py).
SELECT
    intDiv(at_ms, 900000) * 900000 AS at_ms,
    workspace_id,
    agent_id,
    agent_version,
    environment,
    provider,
    model,
    shown_status,
    error_type,
    is_root,
    runs,
    first_at_ms,
    last_at_ms,
    agent_name,
    agent_named_at,
    agent_named_version,
    cost_usd_sum,
    cost_usd_known,
    credits_sum,
    credits_known,
    duration_ms_sum,
    duration_ms_known,
    queue_ms_sum,
    queue_ms_known,
    input_tokens_sum,
    input_tokens_known,
    output_tokens_sum,
    output_tokens_known,
    cache_read_tokens_sum,
    cache_read_tokens_known,
    cache_write_tokens_sum,
    cache_write_tokens_known,
    reasoning_tokens_sum,
    reasoning_tokens_known,
    total_tokens_sum,
    total_tokens_known,
    llm_calls_sum,
    llm_calls_known,
    tool_calls_sum,
    tool_calls_known,
    retries_sum,
    retries_known,
    files_modified_sum,
    files_modified_known,
    duration_ms_bins,
    duration_ms_counts,
    queue_ms_bins,
    queue_ms_counts,
    cached_of_input_sum,
    cacheable_input_sum,
    handed_off_ended,
    recoveries,
    recovery_ms_sum,
    recovery_ms_known
FROM run_cells
WHERE toStartOfFifteenMinutes(started_at) IN (SELECT arrayJoin(state.2))
UNION ALL
SELECT
    toInt64(toUnixTimestamp(bucket)) * 1000 AS at_ms,
    workspace_id,
    agent_id,
    agent_version,
    environment,
    provider,
    model,
    if(status = 'running' AND at_ms < {stalled_before_ms:Int64}, 'stalled', status) AS shown_status,
    error_type,
    is_root,
    runs,
    first_at_ms,
    last_at_ms,
    agent_name,
    agent_named_at,
    agent_named_version,
    cost_usd_sum,
    cost_usd_known,
    credits_sum,
    credits_known,
    duration_ms_sum,
    duration_ms_known,
    queue_ms_sum,
    queue_ms_known,
    input_tokens_sum,
    input_tokens_known,
    output_tokens_sum,
    output_tokens_known,
    cache_read_tokens_sum,
    cache_read_tokens_known,
    cache_write_tokens_sum,
    cache_write_tokens_known,
    reasoning_tokens_sum,
    reasoning_tokens_known,
    total_tokens_sum,
    total_tokens_known,
    llm_calls_sum,
    llm_calls_known,
    tool_calls_sum,
    tool_calls_known,
    retries_sum,
    retries_known,
    files_modified_sum,
    files_modified_known,
    duration_ms_bins,
    duration_ms_counts,
    queue_ms_bins,
    queue_ms_counts,
    cached_of_input_sum,
    cacheable_input_sum,
    handed_off_ended,
    recoveries,
    recovery_ms_sum,
    recovery_ms_known
FROM run_rollup
WHERE
    (bucket, generation) IN (SELECT arrayJoin(state.1))
    AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
    AND (empty({workspace_ids:Array(String)}) OR workspace_id IN {workspace_ids:Array(String)})
    AND (empty({agent_ids:Array(String)}) OR agent_id IN {agent_ids:Array(String)})
    AND (empty({models:Array(String)}) OR model IN {models:Array(String)})
    AND (empty({environments:Array(String)}) OR environment IN {environments:Array(String)})
    AND ({root_only:UInt8} = 0 OR is_root = 1)
    AND (
        empty({statuses:Array(String)})
        OR if(
            status = 'running' AND toInt64(toUnixTimestamp(bucket)) * 1000 < {stalled_before_ms:Int64},
            'stalled',
            status
        ) IN {statuses:Array(String)}
    )
