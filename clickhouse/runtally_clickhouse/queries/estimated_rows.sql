-- About how many rows of runs there are in the range, every version counted: by the index of the keys alone.
SELECT sum(rows) AS estimated_rows
FROM (
    EXPLAIN ESTIMATE
    SELECT run_id
    FROM agent_runs
    WHERE
        ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
        AND (empty({workspace_ids:Array(String)}) OR workspace_id IN {workspace_ids:Array(String)})
        AND started_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
        AND started_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
)
