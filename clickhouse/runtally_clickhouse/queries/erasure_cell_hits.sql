-- The cells of erased workspaces, of buckets that end before the instant, in any generation. Users are in no cells.
SELECT count() AS stored_rows
FROM {table:Identifier}
WHERE
    workspace_id IN {workspaces:Array(String)}
    AND bucket + toIntervalSecond({bucket_seconds:UInt32}) <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
