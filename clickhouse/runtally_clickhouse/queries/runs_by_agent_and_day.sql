-- Runs, outcomes and cost of each agent on each of the asker's days; days without runs are not in it.
-- The days come as the instants they start at, ascending: so only the asker's zone rules count, never the engine's.
SELECT
    roundDown(at_ms, {day_starts_ms:Array(Int64)}) AS day_start_ms,
    workspace_id,
    agent_id,
    sum(runs) AS runs,
    sumIf(runs, shown_status = 'succeeded') AS succeeded,
    sumIf(runs, shown_status IN ('failed', 'timed_out')) AS failed,
    if(sum(cost_usd_known) = 0, NULL, sum(cost_usd_sum)) AS cost_usd
FROM run_facts
GROUP BY day_start_ms, workspace_id, agent_id
