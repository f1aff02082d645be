-- A page of runs, the newest first, after the cursor's run when there is one.
SELECT *
FROM merged_runs
WHERE
    (
        {has_cursor:UInt8} = 0
        OR (started_at, run_id, workspace_id) < (
            fromUnixTimestamp64Milli({cursor_ms:Int64}, 'UTC'), {cursor_id:UUID}, {cursor_workspace:String}
        )
    )
    AND (empty({parent_run_ids:Array(String)}) OR parent_run_id IN {parent_run_ids:Array(String)})
    AND (empty({session_ids:Array(String)}) OR session_id IN {session_ids:Array(String)})
    AND (empty({error_types:Array(String)}) OR error_type IN {error_types:Array(String)})
ORDER BY started_at DESC, run_id DESC, workspace_id DESC
LIMIT {limit:UInt32}
