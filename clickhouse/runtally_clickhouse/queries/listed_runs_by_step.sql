-- How many runs of a list began in each workspace and step of time; the steps are told by their starts.
SELECT
    workspace_id,
    roundDown(toUnixTimestamp64Milli(started_at), {step_starts_ms:Array(Int64)}) AS step_ms,
    count() AS runs
FROM listed_runs
GROUP BY workspace_id, step_ms
ORDER BY step_ms, workspace_id
