-- Some runs of each window: of a workspace, and as long as it says. They lie in the store by workspace and start, so only
-- the quarter hours of the windows are read. Which ones come first is as good as random, and the same whenever asked.
SELECT
    *,
    arrayFirstIndex(
        (window_workspace, from_ms, to_ms) ->
            window_workspace = workspace_id
            AND from_ms <= toUnixTimestamp64Milli(started_at)
            AND to_ms > toUnixTimestamp64Milli(started_at),
        {window_workspaces:Array(String)},
        {window_from_ms:Array(Int64)},
        {window_to_ms:Array(Int64)}
    ) AS window_place
FROM listed_runs
WHERE
    (workspace_id, toStartOfFifteenMinutes(started_at)) IN (
        SELECT
            read_window.1,
            toDateTime(
                arrayJoin(
                    arrayMap(
                        quarter -> quarter * 900,
                        range(
                            toUInt32(intDiv(read_window.2, 900000)), toUInt32(intDiv(read_window.3 + 899999, 900000))
                        )
                    )
                ),
                'UTC'
            )
        FROM (
            SELECT
                arrayJoin(
                    arrayZip(
                        {window_workspaces:Array(String)}, {window_from_ms:Array(Int64)}, {window_to_ms:Array(Int64)}
                    )
                ) AS read_window
        )
    )
    AND window_place > 0
ORDER BY cityHash64(workspace_id, run_id), workspace_id, run_id
LIMIT {limit:UInt32} BY window_place
