-- Runs, outcomes and cost of each agent on each day of the asker's time zone; days without runs are not in it.
SELECT
    toDate(started_at, {timezone:String}) AS date,
    workspace_id,
    agent_id,
    count() AS runs,
    countIf(status = 'succeeded') AS succeeded,
    countIf(status IN ('failed', 'timed_out')) AS failed,
    sum(cost_usd) AS cost_usd
FROM run_facts
GROUP BY date, workspace_id, agent_id
