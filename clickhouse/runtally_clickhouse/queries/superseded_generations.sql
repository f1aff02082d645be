-- Buckets with generations below their current one: rows that no question reads any more, once those that run are over.
SELECT
    toUnixTimestamp(bucket) AS bucket_s,
    max(published_generation) AS current_generation,
    arraySort(arrayFilter(one -> one < current_generation, groupUniqArray(generation))) AS superseded
FROM (
    SELECT bucket, generation, generation AS published_generation FROM {published:Identifier}
    UNION ALL
    SELECT bucket, generation, toUInt64(0) FROM (SELECT DISTINCT bucket, generation FROM {cells:Identifier})
    UNION ALL
    SELECT bucket, generation, toUInt64(0) FROM (SELECT DISTINCT bucket, generation FROM {error_runs:Identifier})
    UNION ALL
    SELECT bucket, generation, toUInt64(0) FROM (SELECT DISTINCT bucket, generation FROM {session_cells:Identifier})
)
GROUP BY bucket
HAVING notEmpty(superseded)
ORDER BY bucket
LIMIT {limit:UInt32}
