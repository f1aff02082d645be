-- Runs, outcomes and cost of each agent on each of the asker's days; days without runs are not in it.
-- The days come as the instants they start at, ascending: so only the asker's zone rules count, never the engine's.
SELECT
    roundDown(toUnixTimestamp64Milli(started_at), {day_starts_ms:Array(Int64)}) AS day_start_ms,
    workspace_id,
    agent_id,
    count() AS runs,
    countIf(status = 'succeeded') AS succeeded,
    countIf(status IN ('failed', 'timed_out')) AS failed,
    sum(cost_usd) AS cost_usd
FROM merged_runs
GROUP BY day_start_ms, workspace_id, agent_id
