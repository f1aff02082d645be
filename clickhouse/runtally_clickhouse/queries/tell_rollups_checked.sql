-- Tells how many buckets were compared with their runs since this was told last, and which of them had drifted.
INSERT INTO rollup_checks (checked_at, compared, drifted)
SELECT
    now64(3, 'UTC'),
    {compared:UInt64},
    arrayMap(bucket -> toDateTime(bucket, 'UTC'), {drifted:Array(UInt32)})
