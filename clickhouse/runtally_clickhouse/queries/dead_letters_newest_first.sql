-- Dead letters without their values, newest first. An empty list does not filter.
SELECT
    stream,
    topic,
    `partition`,
    `offset`,
    toUnixTimestamp64Milli(recorded_at) AS recorded_at_ms,
    field,
    message,
    value_bytes
FROM dead_letters
WHERE
    (empty({streams:Array(String)}) OR stream IN {streams:Array(String)})
    AND (empty({topics:Array(String)}) OR topic IN {topics:Array(String)})
    AND (empty({partitions:Array(UInt32)}) OR `partition` IN {partitions:Array(UInt32)})
    AND (empty({offsets:Array(UInt64)}) OR `offset` IN {offsets:Array(UInt64)})
    AND (empty({fields:Array(String)}) OR field IN {fields:Array(String)})
    AND recorded_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
ORDER BY recorded_at DESC, stream, topic, `partition`, `offset`
LIMIT {limit:UInt32}
