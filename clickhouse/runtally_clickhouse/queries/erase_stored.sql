-- Takes the erased rows off the disk, once what hides them is there and marked.
ALTER TABLE {table:Identifier} DELETE
WHERE
    {sign:Identifier} != ''
    AND workspace_id != ''
    AND {keyed_at:Identifier} < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    AND (empty({workspaces:Array(String)}) OR workspace_id IN {workspaces:Array(String)})
    AND ({user_hash:String} = '' OR lower(hex(SHA256({user:Identifier}))) = {user_hash:String})
    AND toYYYYMM({keyed_at:Identifier}) = {month:UInt32}
SETTINGS mutations_sync = 2
