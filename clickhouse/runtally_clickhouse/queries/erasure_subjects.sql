-- What erasures withdraw, whatever became of their jobs.
SELECT DISTINCT
    workspaces,
    user_hash,
    toUnixTimestamp64Milli(`before`) AS before_ms
FROM erasures
