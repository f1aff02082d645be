-- Runs, tokens, distinct sessions and the parts of the mean duration over the whole range.
SELECT
    count() AS messages,
    sum(toUInt128(ifNull(total_tokens, 0))) AS tokens,
    uniqExactIf(session_id, session_id != '') AS sessions,
    sum(toUInt128(duration_ms)) AS duration_ms,
    count(duration_ms) AS known_durations,
    countIf(has_tokens) AS known_tokens,
    count(cost_usd) AS known_costs
FROM merged_runs
