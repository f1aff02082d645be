-- Records that batches acknowledged in each minute of a range held, by topic. A replay acknowledges records again.
SELECT
    toUnixTimestamp(toStartOfMinute(acknowledged_at)) AS minute_s,
    topic,
    sum(accepted) AS accepted_records,
    sum(dead) AS dead_records,
    count() AS batches
FROM ingest_ledger FINAL
WHERE
    acknowledged_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND acknowledged_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY minute_s, topic
ORDER BY minute_s, topic
