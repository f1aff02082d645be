-- Which buckets of a range are read how, as one tuple: (1) the clean quarter hours that lie in no clean hour or day, each
-- with its current generation, (2) the rest of the range's 15-minute grid, marked or not, (3) the clean hours that lie in
-- no clean day, (4) the clean days. Clean is a bucket whose current rollup, the greatest published one, has seen the very
-- sum of the marks of all that lies in it, in today's layout, that lies in the range whole, and within which no step of
-- time begins (`split_...`); where stalled runs are told apart, with all of its running runs on one side of the instant
-- before which they count as stalled.
-- A layout of 0 is nobody's: hours or days are then not read. It is read once a statement, as one scalar: read twice, a
-- bucket that turns clean in between would vanish or count double.
SELECT (
    groupArrayArrayIf(quarters, NOT is_clean),
    groupArrayArrayIf(dirty, NOT is_clean),
    groupArrayArrayIf(hours, NOT is_clean),
    groupArrayIf((day, current), is_clean)
)
FROM (
    SELECT
        day,
        max(published) AS current,
        toInt64(toUnixTimestamp(day)) * 1000 AS day_ms,
        current > 0
        AND argMax((saw, layout_of), published) = (sum(marks), {day_layout:UInt32})
        AND day_ms >= {from_ms:Int64}
        AND day_ms + 86400000 <= {to_ms:Int64}
        AND NOT ({tells_stalled:UInt8} = 1 AND day_ms < {stalled_before_ms:Int64} AND day_ms + 86400000 > {stalled_before_ms:Int64})
        AND NOT has({split_days_ms:Array(Int64)}, day_ms) AS is_clean,
        groupArrayArray(quarters) AS quarters,
        groupArrayArray(dirty) AS dirty,
        groupArrayArray(hours) AS hours
    FROM (
        SELECT
            toStartOfDay(hour) AS day,
            marks,
            toUInt64(0) AS published,
            toUInt64(0) AS saw,
            toUInt32(0) AS layout_of,
            if(is_clean, [], quarters) AS quarters,
            if(is_clean, [], dirty) AS dirty,
            if(is_clean, [(hour, current)], []) AS hours
        FROM (
            SELECT
                hour,
                max(published) AS current,
                sum(mark) AS marks,
                toInt64(toUnixTimestamp(hour)) * 1000 AS hour_ms,
                current > 0
                AND argMax((saw, layout_of), published) = (marks, {hour_layout:UInt32})
                AND hour_ms >= {from_ms:Int64}
                AND hour_ms + 3600000 <= {to_ms:Int64}
                AND NOT ({tells_stalled:UInt8} = 1 AND hour_ms < {stalled_before_ms:Int64} AND hour_ms + 3600000 > {stalled_before_ms:Int64})
                AND NOT has({split_hours_ms:Array(Int64)}, hour_ms) AS is_clean,
                groupArrayArray(quarters) AS quarters,
                groupArrayArray(dirty) AS dirty
            FROM (
                SELECT
                    toStartOfHour(bucket) AS hour,
                    mark_sum AS mark,
                    toUInt64(0) AS published,
                    toUInt64(0) AS saw,
                    toUInt32(0) AS layout_of,
                    if(is_clean, [(bucket, current)], []) AS quarters,
                    if(is_clean, [], [bucket]) AS dirty
                FROM (
                    SELECT
                        bucket,
                        max(published) AS current,
                        sum(mark) AS mark_sum,
                        toInt64(toUnixTimestamp(bucket)) * 1000 AS bucket_ms,
                        current > 0
                        AND argMax((saw, layout_of), published) = (mark_sum, {rollup_layout:UInt32})
                        AND bucket_ms >= {from_ms:Int64}
                        AND bucket_ms + 900000 <= {to_ms:Int64}
                        AND NOT ({tells_stalled:UInt8} = 1 AND bucket_ms < {stalled_before_ms:Int64} AND bucket_ms + 900000 > {stalled_before_ms:Int64})
                            AS is_clean
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
                UNION ALL
                SELECT bucket, toUInt64(0), generation, seen, layout, [], []
                FROM hour_rollups
                WHERE
                    {hour_layout:UInt32} > 0
                    AND bucket >= toDateTime(intDiv({from_ms:Int64} + 3599999, 3600000) * 3600, 'UTC')
                    AND bucket < toDateTime(intDiv({to_ms:Int64}, 3600000) * 3600, 'UTC')
            )
            GROUP BY hour
        )
        UNION ALL
        SELECT bucket, toUInt64(0), generation, seen, layout, [], [], []
        FROM day_rollups
        WHERE
            {day_layout:UInt32} > 0
            AND bucket >= toDateTime(intDiv({from_ms:Int64} + 86399999, 86400000) * 86400, 'UTC')
            AND bucket < toDateTime(intDiv({to_ms:Int64}, 86400000) * 86400, 'UTC')
    )
    GROUP BY day
)
