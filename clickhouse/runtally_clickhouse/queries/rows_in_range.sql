-- The rows of runs as they lie there, each version of a run and what was deleted too, of what the caller may see: where
-- in the range and the workspaces of the question they are, and the lower half of each key.
SELECT
    workspace_id,
    started_at,
    run_id,
    toUInt64(toUInt128(run_id)) AS lower_half
FROM agent_runs
WHERE
    ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
    AND (empty({workspace_ids:Array(String)}) OR workspace_id IN {workspace_ids:Array(String)})
    AND started_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND started_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
SETTINGS final = 0
