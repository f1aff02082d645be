-- Over each erased run a tombstone that holds nothing but its key: just above the erased version, so a snapshot that is
-- not erased and newer still wins, in whatever order they come.
INSERT INTO agent_runs (workspace_id, run_id, version, is_deleted)
SELECT
    workspace_id,
    run_id,
    max(version) + 1,
    1
FROM agent_runs
WHERE
    agent_id != ''
    AND workspace_id != ''
    AND started_at < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    AND (empty({workspaces:Array(String)}) OR workspace_id IN {workspaces:Array(String)})
    AND ({user_hash:String} = '' OR lower(hex(SHA256(user_id))) = {user_hash:String})
    AND toYYYYMM(started_at) = {month:UInt32}
GROUP BY workspace_id, run_id
