-- What the store keeps of the dead letters at these places, and why they were refused: key and value as Base64, cut where
-- they were long.
SELECT
    stream,
    topic,
    `partition`,
    `offset`,
    reason,
    message,
    base64Encode(key) AS key_base64,
    base64Encode(value) AS value_base64,
    value_bytes
FROM dead_letters
WHERE (stream, topic, `partition`, `offset`) IN (
    SELECT arrayJoin(
        arrayZip(
            {streams:Array(String)}, {topics:Array(String)}, {partitions:Array(UInt32)}, {offsets:Array(UInt64)}
        )
    )
)
ORDER BY stream, topic, `partition`, `offset`
