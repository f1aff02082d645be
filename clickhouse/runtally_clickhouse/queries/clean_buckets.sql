-- The buckets of a range whose current rollup is up to date, the newest first: what dirty_buckets.sql leaves.
SELECT
    toUnixTimestamp(bucket) AS bucket_s,
    sum(mark) AS changes,
    max(published) AS generation
FROM (
    SELECT bucket, changes AS mark, toUInt64(0) AS published, toUInt64(0) AS saw, toUInt32(0) AS layout_of
    FROM bucket_changes
    WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({before_s:UInt32}, 'UTC')
    UNION ALL
    SELECT bucket, toUInt64(0), generation, seen, layout
    FROM bucket_rollups
    WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({before_s:UInt32}, 'UTC')
)
GROUP BY bucket
HAVING generation > 0 AND argMax((saw, layout_of), published) = (changes, {layout:UInt32})
ORDER BY bucket DESC
LIMIT {limit:UInt32}
