-- As erase_runs.sql, in the tables without tombstones: questions leave out rows without their sign.
INSERT INTO {table:Identifier} (workspace_id, id, version)
SELECT
    workspace_id,
    id,
    max(version) + 1
FROM {table:Identifier}
WHERE
    {sign:Identifier} != ''
    AND workspace_id != ''
    AND {keyed_at:Identifier} < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    AND (empty({workspaces:Array(String)}) OR workspace_id IN {workspaces:Array(String)})
    AND ({user_hash:String} = '' OR lower(hex(SHA256({user:Identifier}))) = {user_hash:String})
    AND toYYYYMM({keyed_at:Identifier}) = {month:UInt32}
GROUP BY workspace_id, id
