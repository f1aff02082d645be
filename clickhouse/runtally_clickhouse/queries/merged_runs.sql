-- Merged runs, bound to what the caller may see, to the question's range and to its filters. Every question about
-- runs reads this or what is made of it: nothing else binds them, so no question can forget to.
SELECT
    *,
    started_at,
    status = 'running' AND started_at < fromUnixTimestamp64Milli({stalled_before_ms:Int64}, 'UTC') AS is_stalled,
    isNotNull(input_tokens) OR isNotNull(output_tokens) AS has_tokens,
    if(has_tokens, ifNull(input_tokens, 0) + ifNull(output_tokens, 0), NULL) AS total_tokens
FROM agent_runs FINAL
WHERE
    ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
    AND started_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND started_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND (empty({workspace_ids:Array(String)}) OR workspace_id IN {workspace_ids:Array(String)})
    AND (empty({agent_ids:Array(String)}) OR agent_id IN {agent_ids:Array(String)})
    AND (empty({models:Array(String)}) OR model IN {models:Array(String)})
    AND (empty({user_ids:Array(String)}) OR user_id IN {user_ids:Array(String)})
    AND (empty({environments:Array(String)}) OR environment IN {environments:Array(String)})
    AND ({root_only:UInt8} = 0 OR parent_run_id = '')
    AND (empty({statuses:Array(String)}) OR if(is_stalled, 'stalled', status) IN {statuses:Array(String)})
