-- A page of runs, the newest first, after the cursor's run when there is one.
SELECT *
FROM listed_runs
WHERE
    {has_cursor:UInt8} = 0
    OR (started_at, run_id, workspace_id) < (
        fromUnixTimestamp64Milli({cursor_ms:Int64}, 'UTC'), {cursor_id:UUID}, {cursor_workspace:String}
    )
ORDER BY started_at DESC, run_id DESC, workspace_id DESC
LIMIT {limit:UInt32}
