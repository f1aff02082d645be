-- By month, the stored rows that an erasure is about, every version of each: asked without FINAL, as hidden ones count. A
-- row without its sign (the name that its contract demands) is what an erasure left behind. The workspace without a name
-- holds the row that the consumer tries the table with.
SELECT
    toYYYYMM({keyed_at:Identifier}) AS month,
    count() AS stored_rows,
    toUnixTimestamp64Milli(max({keyed_at:Identifier})) AS newest_ms
FROM {table:Identifier}
WHERE
    {sign:Identifier} != ''
    AND workspace_id != ''
    AND {keyed_at:Identifier} < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    AND (empty({workspaces:Array(String)}) OR workspace_id IN {workspaces:Array(String)})
    AND ({user_hash:String} = '' OR lower(hex(SHA256({user:Identifier}))) = {user_hash:String})
GROUP BY month
ORDER BY month DESC
