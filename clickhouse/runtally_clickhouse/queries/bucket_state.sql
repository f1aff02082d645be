-- Which buckets of a range are read how, as one tuple: the clean ones, each with its current generation, and the rest
-- of the range's 15-minute grid, marked or not. Clean is a bucket whose current rollup, the greatest published one, has
-- seen the very sum of its marks, in today's layout, and that lies in the range whole, with all of its running runs on
-- one side of the instant before which they count as stalled. It is read once a statement, as one scalar: read twice,
-- a bucket that turns clean in between would vanish or count double.
SELECT (groupArrayIf((bucket, current), is_clean), groupArrayIf(bucket, NOT is_clean))
FROM (
    SELECT
        bucket,
        max(published) AS current,
        toInt64(toUnixTimestamp(bucket)) * 1000 AS bucket_ms,
        current > 0
        AND argMax((saw, layout_of), published) = (sum(mark), {rollup_layout:UInt32})
        AND bucket_ms >= {from_ms:Int64}
        AND bucket_ms + 900000 <= {to_ms:Int64}
        AND NOT (bucket_ms < {stalled_before_ms:Int64} AND bucket_ms + 900000 > {stalled_before_ms:Int64}) AS is_clean
    FROM (
        SELECT bucket, changes AS mark, toUInt64(0) AS published, toUInt64(0) AS saw, toUInt32(0) AS layout_of
        FROM bucket_changes
        WHERE
            bucket >= toDateTime(intDiv({from_ms:Int64}, 900000) * 900, 'UTC')
            AND bucket < toDateTime(intDiv({to_ms:Int64} + 899999, 900000) * 900, 'UTC')
        UNION ALL
        SELECT bucket, toUInt64(0), generation, seen, layout
        FROM bucket_rollups
        WHERE
            bucket >= toDateTime(intDiv({from_ms:Int64}, 900000) * 900, 'UTC')
            AND bucket < toDateTime(intDiv({to_ms:Int64} + 899999, 900000) * 900, 'UTC')
        UNION ALL
        SELECT toDateTime(number * 900, 'UTC'), toUInt64(0), toUInt64(0), toUInt64(0), toUInt32(0)
        FROM numbers(
            intDiv({from_ms:Int64}, 900000),
            intDiv({to_ms:Int64} + 899999, 900000) - intDiv({from_ms:Int64}, 900000)
        )
    )
    GROUP BY bucket
)
