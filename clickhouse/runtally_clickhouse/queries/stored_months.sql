-- What lies in the store of each table and month (UTC), as the parts note it: every version of every event.
SELECT
    `table` AS event_table,
    toUInt32OrZero(partition) AS month,
    sum(rows) AS stored_rows,
    sum(bytes_on_disk) AS stored_bytes
FROM system.parts
WHERE
    database = currentDatabase()
    AND active
    AND rows > 0
    AND `table` IN {tables:Array(String)}
    AND month < {before_month:UInt32}
GROUP BY event_table, month
ORDER BY event_table, month
