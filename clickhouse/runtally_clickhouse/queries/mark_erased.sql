-- Marks every bucket of a month in which runs were erased, now or before: a mark too many is harmless.
INSERT INTO bucket_changes (bucket, changes)
SELECT bucket, greatest(rand64(), toUInt64(1))
FROM (
    SELECT toStartOfFifteenMinutes(started_at) AS bucket
    FROM agent_runs
    WHERE
        agent_id = ''
        AND workspace_id != ''
        AND (empty({workspaces:Array(String)}) OR workspace_id IN {workspaces:Array(String)})
        AND toYYYYMM(started_at) = {month:UInt32}
    GROUP BY bucket
)
