-- Between which months there are runs, as YYYYMM, and between which marked buckets; zeros in an empty store.
SELECT
    (
        SELECT (toUInt32OrZero(min(partition)), toUInt32OrZero(max(partition)))
        FROM system.parts
        WHERE database = currentDatabase() AND `table` = 'agent_runs' AND active
    ) AS months,
    (SELECT (toUnixTimestamp(min(bucket)), toUnixTimestamp(max(bucket))) FROM bucket_changes) AS marked
