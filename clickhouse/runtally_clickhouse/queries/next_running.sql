-- The first start of a run still running that began in the range, as Unix milliseconds; -1 without one.
SELECT if(count() = 0, toInt64(-1), toUnixTimestamp64Milli(min(started_at))) AS started_ms
FROM agent_runs FINAL
WHERE
    status = 'running'
    AND started_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND started_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
