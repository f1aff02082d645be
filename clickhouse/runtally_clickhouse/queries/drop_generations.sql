-- Drops generations of buckets by an explicit list: what is not named stays, whatever is published meanwhile.
ALTER TABLE {table:Identifier} DELETE
WHERE has(arrayZip({buckets:Array(UInt32)}, {generations:Array(UInt64)}), (toUnixTimestamp(bucket), generation))
SETTINGS mutations_sync = 1
