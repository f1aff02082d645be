-- The buckets of a range, of one width, whose current rollup is up to date, the newest first: what dirty_buckets.sql
-- leaves. The range is of whole buckets.
SELECT
    toUnixTimestamp(bucket) AS bucket_s,
    sum(mark) AS changes,
    max(published_generation) AS generation
FROM (
    SELECT
        toDateTime(intDiv(toUnixTimestamp(bucket), {bucket_seconds:UInt32}) * {bucket_seconds:UInt32}, 'UTC') AS bucket,
        changes AS mark,
        toUInt64(0) AS published_generation,
        toUInt64(0) AS saw,
        toUInt32(0) AS layout_of
    FROM bucket_changes
    WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({before_s:UInt32}, 'UTC')
    UNION ALL
    SELECT bucket, toUInt64(0), generation, seen, layout
    FROM {published:Identifier}
    WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({before_s:UInt32}, 'UTC')
)
GROUP BY bucket
HAVING generation > 0 AND argMax((saw, layout_of), published_generation) = (changes, {layout:UInt32})
ORDER BY bucket DESC
LIMIT {limit:UInt32}
