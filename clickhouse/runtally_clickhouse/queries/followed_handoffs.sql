-- The runs whose hand-off another run of their session followed within four hours. The run that follows may lie
-- outside the question's range and filters: whether people had to come back does not depend on what is asked.
SELECT
    handed_off.workspace_id AS workspace_id,
    handed_off.run_id AS run_id
FROM (
    SELECT workspace_id, session_id, run_id, handed_off_at
    FROM merged_runs
    WHERE isNotNull(handed_off_at) AND session_id != ''
) AS handed_off
INNER JOIN (
    SELECT workspace_id, session_id, run_id, started_at
    FROM agent_runs FINAL
    WHERE
        ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
        AND session_id != ''
) AS following ON handed_off.workspace_id = following.workspace_id AND handed_off.session_id = following.session_id
WHERE
    following.run_id != handed_off.run_id
    AND following.started_at >= handed_off.handed_off_at
    AND following.started_at <= handed_off.handed_off_at + INTERVAL 4 HOUR
GROUP BY workspace_id, run_id
