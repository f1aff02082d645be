-- Of the buckets named, of one width, each with a generation, those whose cells are not what they would be if they were
-- made now (`as_runs_say`), cell by cell in every column. Wrapped sums of 64-bit hashes stand for two bags of cells,
-- their number beside them.
SELECT bucket_s
FROM (
    SELECT toUnixTimestamp(bucket) AS bucket_s, 1 AS is_rolled_up, sipHash64(tuple(*)) AS cell
    FROM rolled_up
    UNION ALL
    SELECT toUnixTimestamp(bucket), 0, sipHash64(tuple(*))
    FROM as_runs_say
)
GROUP BY bucket_s
HAVING
    countIf(is_rolled_up = 1) != countIf(is_rolled_up = 0)
    OR sumIf(cell, is_rolled_up = 1) != sumIf(cell, is_rolled_up = 0)
