-- Whether the runs lie in a replicated table.
SELECT count() > 0 AS is_replicated
FROM system.tables
WHERE database = currentDatabase() AND name = 'agent_runs' AND startsWith(engine, 'Replicated')
