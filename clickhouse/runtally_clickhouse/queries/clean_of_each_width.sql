-- The buckets of every width that are clean: their current generation, the greatest published one, has seen the very sum
-- of the marks of all that lies in them, in today's layout. The range is of whole buckets of the widest of them.
SELECT
    groupArray(bucket_seconds) AS bucket_seconds,
    groupArray(start_s) AS starts_s,
    groupArray(current) AS generations
FROM (
    SELECT
        bucket_seconds,
        start_s,
        max(published_generation) AS current
    FROM (
        SELECT
            arrayJoin([900, 3600, 86400]) AS bucket_seconds,
            intDiv(toUnixTimestamp(bucket), bucket_seconds) * bucket_seconds AS start_s,
            changes AS mark,
            toUInt64(0) AS published_generation,
            toUInt64(0) AS saw,
            toUInt32(0) AS layout_of,
            toUInt32(0) AS layout_today
        FROM bucket_changes
        WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({to_s:UInt32}, 'UTC')
        UNION ALL
        SELECT 900, toUnixTimestamp(bucket), 0, generation, seen, layout, {rollup_layout:UInt32}
        FROM bucket_rollups
        WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({to_s:UInt32}, 'UTC')
        UNION ALL
        SELECT 3600, toUnixTimestamp(bucket), 0, generation, seen, layout, {hour_layout:UInt32}
        FROM hour_rollups
        WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({to_s:UInt32}, 'UTC')
        UNION ALL
        SELECT 86400, toUnixTimestamp(bucket), 0, generation, seen, layout, {day_layout:UInt32}
        FROM day_rollups
        WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({to_s:UInt32}, 'UTC')
    )
    GROUP BY bucket_seconds, start_s
    HAVING current > 0 AND argMax((saw, layout_of), published_generation) = (sum(mark), max(layout_today))
)
SETTINGS max_threads = 1
