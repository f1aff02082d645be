-- How far the rollups of one width are. `buckets` were marked or published; `unmarked_buckets` are quarter hours that hold
-- runs and bear no mark.
SELECT
    count() AS buckets,
    countIf(is_clean) AS clean_buckets,
    countIf(generation = 0) AS never_rolled_up,
    countIf(generation > 0 AND current_layout != {layout:UInt32}) AS of_another_layout,
    toUnixTimestamp(minIf(bucket, NOT is_clean)) AS oldest_dirty_s,
    toUnixTimestamp(maxIf(bucket, NOT is_clean)) AS newest_dirty_s,
    (SELECT count() FROM {cells:Identifier}) AS rollup_rows,
    (SELECT uniqExact(bucket, generation) FROM {cells:Identifier}) AS generations,
    (
        SELECT uniqExact(toStartOfFifteenMinutes(started_at))
        FROM agent_runs
        WHERE toStartOfFifteenMinutes(started_at) NOT IN (SELECT bucket FROM bucket_changes)
    ) AS unmarked_buckets
FROM (
    SELECT
        bucket,
        max(published_generation) AS generation,
        argMax(layout_of, published_generation) AS current_layout,
        generation > 0 AND argMax((saw, layout_of), published_generation) = (sum(mark), {layout:UInt32}) AS is_clean
    FROM (
        SELECT
            toDateTime(intDiv(toUnixTimestamp(bucket), {bucket_seconds:UInt32}) * {bucket_seconds:UInt32}, 'UTC') AS bucket,
            changes AS mark,
            toUInt64(0) AS published_generation,
            toUInt64(0) AS saw,
            toUInt32(0) AS layout_of
        FROM bucket_changes
        UNION ALL
        SELECT bucket, toUInt64(0), generation, seen, layout FROM {published:Identifier}
    )
    GROUP BY bucket
)
