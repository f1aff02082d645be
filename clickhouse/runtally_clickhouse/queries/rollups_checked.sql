-- What comparing rollups with the runs has found since an instant: how many buckets were compared, and which had drifted.
SELECT
    sum(compared) AS buckets_compared,
    arrayReverseSort(arrayMap(bucket -> toUnixTimestamp(bucket), groupUniqArrayArray(drifted))) AS drifted_s
FROM rollup_checks
WHERE checked_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
