-- Runs, tokens and distinct sessions of each of the asker's days; days without runs are not in it.
-- The days come as the instants they start at, ascending: so only the asker's zone rules count, never the engine's.
SELECT
    roundDown(toUnixTimestamp64Milli(started_at), {day_starts_ms:Array(Int64)}) AS day_start_ms,
    count() AS messages,
    sum(toUInt128(ifNull(total_tokens, 0))) AS tokens,
    uniqExactIf(session_id, session_id != '') AS sessions
FROM merged_runs
GROUP BY day_start_ms
