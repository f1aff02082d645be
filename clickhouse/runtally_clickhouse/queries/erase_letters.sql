-- In the place of each, a copy that says nothing but where it was and which field was at fault.
INSERT INTO dead_letters (stream, topic, `partition`, `offset`, recorded_at, reason, field, message)
SELECT
    stream,
    topic,
    `partition`,
    `offset`,
    max(recorded_at) + toIntervalMicrosecond(1),
    any(reason),
    any(field),
    'erased'
FROM dead_letters
WHERE
    recorded_at < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    AND (
        empty({workspaces:Array(String)})
        OR if(
            JSONExtractString(value, 'workspace_id') != '',
            JSONExtractString(value, 'workspace_id'),
            extract(value, '"workspace_id"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"')
        ) IN {workspaces:Array(String)}
    )
    AND (
        {user_hash:String} = ''
        OR arrayExists(
            name -> lower(hex(SHA256(name))) = {user_hash:String},
            arrayConcat(
                [
                    key,
                    JSONExtractString(value, 'user_id'),
                    JSONExtractString(value, 'actor'),
                    extract(value, '"(?:user_id|actor)"\\s*:\\s*([^",}\\s]+)')
                ],
                extractAll(value, '"((?:[^"\\\\]|\\\\.)*)"')
            )
        )
    )
GROUP BY stream, topic, `partition`, `offset`
