-- Marks every bucket of a range that holds runs or was marked or rolled up before: for whoever changes runs by SQL. An
-- hour or a day that was rolled up and in which there is no mark is marked where it begins.
-- With `unmarked_only` those that hold runs and bear no mark, as runs from before there were marks do.
INSERT INTO bucket_changes (bucket, changes)
SELECT bucket, greatest(rand64(), toUInt64(1))
FROM (
    SELECT toStartOfFifteenMinutes(started_at) AS bucket
    FROM agent_runs
    WHERE started_at >= toDateTime({from_s:UInt32}, 'UTC') AND started_at < toDateTime({to_s:UInt32}, 'UTC')
    GROUP BY bucket
    UNION DISTINCT
    SELECT bucket FROM bucket_changes
    WHERE {unmarked_only:UInt8} = 0 AND bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({to_s:UInt32}, 'UTC')
    UNION DISTINCT
    SELECT bucket FROM bucket_rollups
    WHERE {unmarked_only:UInt8} = 0 AND bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({to_s:UInt32}, 'UTC')
    UNION DISTINCT
    SELECT bucket FROM hour_rollups
    WHERE
        {unmarked_only:UInt8} = 0
        AND bucket >= toDateTime({from_s:UInt32}, 'UTC')
        AND bucket < toDateTime({to_s:UInt32}, 'UTC')
        AND bucket NOT IN (SELECT toStartOfHour(bucket) FROM bucket_changes)
    UNION DISTINCT
    SELECT bucket FROM day_rollups
    WHERE
        {unmarked_only:UInt8} = 0
        AND bucket >= toDateTime({from_s:UInt32}, 'UTC')
        AND bucket < toDateTime({to_s:UInt32}, 'UTC')
        AND bucket NOT IN (SELECT toStartOfDay(bucket) FROM bucket_changes)
)
WHERE {unmarked_only:UInt8} = 0 OR bucket NOT IN (SELECT bucket FROM bucket_changes)
