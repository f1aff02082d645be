-- The one relation that most questions about users and sessions read: cells of runs that agree in what tells these
-- apart and began in the same 15 minutes (UTC), with columns that add up. Those of clean buckets come out of
-- session_cells and their like by hour, at their current generation; every other bucket of the range is read from the
-- merged runs, each a cell of one. `state` is bucket_state.sql. What is said of cells in run_facts.sql holds for these
-- too, and why merged runs stand first.
SELECT
    intDiv(at_ms, 900000) * 900000 AS at_ms,
    workspace_id,
    agent_id,
    environment,
    shown_status,
    is_root,
    user_id,
    session_id,
    hashed_user,
    hashed_session,
    first_at_ms,
    last_at_ms,
    last_end_ms,
    runs,
    duration_ms_sum,
    duration_ms_known,
    total_tokens_sum,
    total_tokens_known,
    cost_usd_sum,
    cost_usd_known,
    handed_off_ended,
    handed_off_in_session
FROM run_cells
WHERE toStartOfFifteenMinutes(started_at) IN (SELECT arrayJoin(state.2))
UNION ALL
SELECT
    toInt64(toUnixTimestamp(bucket)) * 1000 AS at_ms,
    workspace_id,
    agent_id,
    environment,
    if(status = 'running' AND at_ms < {stalled_before_ms:Int64}, 'stalled', status) AS shown_status,
    is_root,
    user_id,
    session_id,
    hashed_user,
    hashed_session,
    toUnixTimestamp64Milli(started_at) AS first_at_ms,
    last_at_ms,
    last_end_ms,
    runs,
    duration_ms_sum,
    duration_ms_known,
    total_tokens_sum,
    total_tokens_known,
    cost_usd_sum,
    cost_usd_known,
    handed_off_ended,
    handed_off_in_session
FROM session_cells
WHERE
    (bucket, generation) IN (SELECT arrayJoin(state.1))
    AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
    AND (empty({workspace_ids:Array(String)}) OR workspace_id IN {workspace_ids:Array(String)})
    AND (empty({agent_ids:Array(String)}) OR agent_id IN {agent_ids:Array(String)})
    AND (empty({user_ids:Array(String)}) OR user_id IN {user_ids:Array(String)})
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
