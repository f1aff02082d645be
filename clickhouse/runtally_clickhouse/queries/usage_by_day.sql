-- Runs, tokens and distinct sessions of each day of the asker's time zone; days without runs are not in it.
SELECT
    toDate(started_at, {timezone:String}) AS date,
    count() AS messages,
    sum(ifNull(total_tokens, 0)) AS tokens,
    uniqExactIf(session_id, session_id != '') AS sessions
FROM run_facts
GROUP BY date
