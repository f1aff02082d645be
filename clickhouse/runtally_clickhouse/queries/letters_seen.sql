-- A page of dead letters, the newest first, each once, after the cursor's when there is one; with the first bytes of
-- their values only where asked for. Letters of no known workspace are for those who see all.
SELECT
    stream,
    topic,
    `partition`,
    `offset`,
    toUnixTimestamp64Micro(recorded_at) AS recorded_us,
    workspace_id,
    reason,
    field,
    message,
    value_bytes,
    if({with_values:UInt8} = 1, base64Encode(substring(key, 1, {shown_bytes:UInt32})), '') AS key_base64,
    if({with_values:UInt8} = 1, base64Encode(substring(value, 1, {shown_bytes:UInt32})), '') AS value_base64
FROM dead_letters FINAL
WHERE
    ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
    AND (empty({topics:Array(String)}) OR topic IN {topics:Array(String)})
    AND (empty({fields:Array(String)}) OR field IN {fields:Array(String)})
    AND recorded_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND recorded_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND (
        {has_cursor:UInt8} = 0
        OR (recorded_at, stream, topic, `partition`, `offset`) < (
            fromUnixTimestamp64Micro({cursor_us:Int64}, 'UTC'),
            {cursor_stream:String},
            {cursor_topic:String},
            {cursor_partition:UInt32},
            {cursor_offset:UInt64}
        )
    )
ORDER BY recorded_at DESC, stream DESC, topic DESC, `partition` DESC, `offset` DESC
LIMIT {limit:UInt32}
