-- The rows of session_cells as merged runs give them: cells of runs that agree in what tells users and sessions apart
-- and began in the same 15 minutes (UTC), of the buckets named. The status is the stored one, as in
-- rolled_up_cells.sql.
SELECT
    toStartOfFifteenMinutes(run_cells.started_at) AS bucket,
    workspace_id,
    agent_id,
    environment,
    status,
    is_root,
    user_id,
    session_id,
    any(hashed_user) AS hashed_user,
    any(hashed_session) AS hashed_session,
    min(run_cells.started_at) AS started_at,
    max(last_at_ms) AS last_at_ms,
    max(last_end_ms) AS last_end_ms,
    sum(runs) AS runs,
    sum(duration_ms_sum) AS duration_ms_sum,
    sum(duration_ms_known) AS duration_ms_known,
    sum(total_tokens_sum) AS total_tokens_sum,
    sum(total_tokens_known) AS total_tokens_known,
    sum(cost_usd_sum) AS cost_usd_sum,
    sum(cost_usd_known) AS cost_usd_known,
    sum(handed_off_ended) AS handed_off_ended,
    sum(handed_off_in_session) AS handed_off_in_session
FROM run_cells
WHERE bucket IN (SELECT toDateTime(arrayJoin({buckets:Array(UInt32)}), 'UTC'))
GROUP BY bucket, workspace_id, agent_id, environment, status, is_root, user_id, session_id
