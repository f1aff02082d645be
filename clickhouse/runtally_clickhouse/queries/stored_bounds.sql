-- The seconds in which the first and the last stored row of a run began, as the parts note them of their partition key:
-- deleted runs and earlier versions count, and those that nobody marked. `parts` is 0 in an empty store.
SELECT
    count() AS parts,
    toUnixTimestamp(min(min_time)) AS first_s,
    toUnixTimestamp(max(max_time)) AS last_s
FROM system.parts
WHERE database = currentDatabase() AND `table` = 'agent_runs' AND active AND rows > 0
