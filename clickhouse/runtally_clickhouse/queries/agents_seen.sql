-- What agents are called, by the newest snapshot that says so, and when their first and last runs began.
SELECT
    workspace_id,
    agent_id,
    argMaxIf(agent_name, (updated_at, version), agent_name != '') AS agent_name,
    min(started_at) AS first,
    max(started_at) AS last
FROM merged_runs
GROUP BY workspace_id, agent_id
ORDER BY workspace_id, agent_id
