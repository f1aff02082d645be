-- The last stop of each partition of these streams, whether it still stands there or not.
SELECT
    stream,
    topic,
    `partition`,
    argMax(stopped_offset, (judged_from, stopped_at)) AS last_stopped_offset,
    argMax(reason, (judged_from, stopped_at)) AS last_reason,
    max(judged_from) AS last_judged_from,
    toUnixTimestamp64Milli(max(stopped_at)) AS stopped_at_ms
FROM partition_stops
WHERE stream IN {streams:Array(String)}
GROUP BY stream, topic, `partition`
ORDER BY stream, topic, `partition`
