-- Takes them off the disk, once their buckets are marked: what is up to date has none of them, and nothing else is read.
ALTER TABLE {table:Identifier} DELETE
WHERE
    workspace_id IN {workspaces:Array(String)}
    AND bucket + toIntervalSecond({bucket_seconds:UInt32}) <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
SETTINGS mutations_sync = 2
