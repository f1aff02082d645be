-- What agents are called, by the newest snapshot that says so, and when their first and last runs began.
SELECT
    workspace_id,
    agent_id,
    argMax(agent_name, (agent_named_at, agent_named_version)) AS agent_name,
    fromUnixTimestamp64Milli(min(first_at_ms), 'UTC') AS first,
    fromUnixTimestamp64Milli(max(last_at_ms), 'UTC') AS last
FROM run_facts
GROUP BY workspace_id, agent_id
ORDER BY workspace_id, agent_id
