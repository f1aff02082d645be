-- The sums behind each agent's row; rates and averages are made from them, so that agents can be folded together.
-- Sums are wider than their columns: 2 049 runs of the greatest token count would wrap a UInt64.
SELECT
    workspace_id,
    agent_id,
    argMaxIf(agent_name, (updated_at, version), agent_name != '') AS agent_name,
    count() AS runs,
    countIf(parent_run_id = '') AS root_runs,
    countIf(status = 'queued') AS queued,
    countIf(status = 'running' AND NOT is_stalled) AS running,
    countIf(is_stalled) AS stalled,
    countIf(status = 'succeeded') AS succeeded,
    countIf(status = 'failed') AS failed,
    countIf(status = 'timed_out') AS timed_out,
    countIf(status = 'cancelled') AS cancelled,
    countIf(status = 'unknown') AS unknown,
    sum(toUInt128(duration_ms)) AS duration_ms,
    count(duration_ms) AS known_durations,
    sum(toUInt128(input_tokens)) AS input_tokens,
    sum(toUInt128(output_tokens)) AS output_tokens,
    sum(toUInt128(total_tokens)) AS total_tokens,
    countIf(has_tokens) AS known_tokens,
    sum(cost_usd) AS cost_usd,
    count(cost_usd) AS known_costs
FROM merged_runs
GROUP BY workspace_id, agent_id
ORDER BY runs DESC, workspace_id, agent_id
