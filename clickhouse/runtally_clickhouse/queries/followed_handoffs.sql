-- The runs whose hand-off another run of their session followed within four hours. The run that follows may lie
-- outside the question's range and filters: whether people had to come back does not depend on what is asked. It is
-- looked for between the first and the last hand-off only, in their sessions; the hand-offs, which are fewer, stand
-- on the right of the join, as the engine keeps that side in memory. `handed_off_runs` is handed_off_runs.sql.
WITH (
    SELECT (min(handed_off_at), max(handed_off_at))
    FROM handed_off_runs
) AS handed
SELECT
    handed_off.workspace_id AS workspace_id,
    handed_off.run_id AS run_id
FROM (
    SELECT workspace_id, session_id, run_id, started_at
    FROM agent_runs FINAL
    WHERE
        ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
        AND started_at >= handed.1
        AND started_at <= handed.2 + INTERVAL 4 HOUR
        AND session_id IN (SELECT session_id FROM handed_off_runs)
) AS following
INNER JOIN (
    SELECT workspace_id, session_id, run_id, handed_off_at
    FROM handed_off_runs
) AS handed_off ON handed_off.workspace_id = following.workspace_id AND handed_off.session_id = following.session_id
WHERE
    following.run_id != handed_off.run_id
    AND following.started_at >= handed_off.handed_off_at
    AND following.started_at <= handed_off.handed_off_at + INTERVAL 4 HOUR
GROUP BY handed_off.workspace_id, handed_off.run_id
