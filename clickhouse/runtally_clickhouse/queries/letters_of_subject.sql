-- Which copies of dead letters an erasure is about: of its workspaces, as far as that can be read, and with the user as
-- the key or as any text within, however JSON spells it. A condition: what counts them, blanks them and deletes them
-- must mean the same ones.
recorded_at < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
AND (
    empty({workspaces:Array(String)})
    OR arrayFirst(
        name -> name != '',
        [
            JSONExtractString(value, 'workspace_id'),
            JSONExtractString(extract(value, '"workspace_id"\\s*:\\s*("(?:[^"\\\\]|\\\\.)*")')),
            extract(value, '"workspace_id"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"')
        ]
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
            extractAll(value, '"((?:[^"\\\\]|\\\\.)*)"'),
            arrayMap(text -> JSONExtractString(text), extractAll(value, '("(?:[^"\\\\]|\\\\.)*")'))
        )
    )
)
