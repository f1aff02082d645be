-- Runs, tokens and the parts of the mean duration over the whole range: usage_totals.sql without its sessions.
SELECT
    sum(runs) AS messages,
    sum(total_tokens_sum) AS tokens,
    if(known_durations = 0, NULL, sum(duration_ms_sum)) AS duration_ms,
    sum(duration_ms_known) AS known_durations,
    sum(total_tokens_known) AS known_tokens,
    sum(cost_usd_known) AS known_costs
FROM run_facts
