-- The sums behind each agent's row; rates and averages are made from them, so that agents can be folded together.
-- A sum is NULL while nothing of it is known.
SELECT
    workspace_id,
    agent_id,
    argMax(agent_name, (agent_named_at, agent_named_version)) AS agent_name,
    sum(runs) AS runs,
    sumIf(runs, is_root) AS root_runs,
    sumIf(runs, shown_status = 'queued') AS queued,
    sumIf(runs, shown_status = 'running') AS running,
    sumIf(runs, shown_status = 'stalled') AS stalled,
    sumIf(runs, shown_status = 'succeeded') AS succeeded,
    sumIf(runs, shown_status = 'failed') AS failed,
    sumIf(runs, shown_status = 'timed_out') AS timed_out,
    sumIf(runs, shown_status = 'cancelled') AS cancelled,
    sumIf(runs, shown_status = 'unknown') AS unknown,
    if(known_durations = 0, NULL, sum(duration_ms_sum)) AS duration_ms,
    sum(duration_ms_known) AS known_durations,
    if(sum(input_tokens_known) = 0, NULL, sum(input_tokens_sum)) AS input_tokens,
    if(sum(output_tokens_known) = 0, NULL, sum(output_tokens_sum)) AS output_tokens,
    if(known_tokens = 0, NULL, sum(total_tokens_sum)) AS total_tokens,
    sum(total_tokens_known) AS known_tokens,
    if(known_costs = 0, NULL, sum(cost_usd_sum)) AS cost_usd,
    sum(cost_usd_known) AS known_costs
FROM run_facts
GROUP BY workspace_id, agent_id
ORDER BY sum(runs) DESC, workspace_id, agent_id
