-- What dead letters were refused for, the most frequent first.
SELECT
    topic,
    field,
    any(message) AS example,
    count() AS letters,
    toUnixTimestamp64Micro(min(recorded_at)) AS first_us,
    toUnixTimestamp64Micro(max(recorded_at)) AS last_us
FROM dead_letters FINAL
WHERE
    ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
    AND (empty({topics:Array(String)}) OR topic IN {topics:Array(String)})
    AND (empty({fields:Array(String)}) OR field IN {fields:Array(String)})
    AND recorded_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND recorded_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY topic, field
ORDER BY letters DESC, topic, field
LIMIT {limit:UInt32}
