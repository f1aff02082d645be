-- The runs that a list is narrowed to. A filter without values is gone before the engine reads anything. Hour, weekday
-- and error are those of measures/dimensions.py; ratings count by the id that the run's producer gave.
SELECT *
FROM merged_runs
WHERE
    (empty({parent_run_ids:Array(String)}) OR parent_run_id IN {parent_run_ids:Array(String)})
    AND (empty({session_ids:Array(String)}) OR session_id IN {session_ids:Array(String)})
    AND (empty({agent_versions:Array(String)}) OR agent_version IN {agent_versions:Array(String)})
    AND (empty({error_types:Array(String)}) OR error_type IN {error_types:Array(String)})
    AND (empty({error_categories:Array(String)}) OR error_category IN {error_categories:Array(String)})
    AND (empty({error_severities:Array(String)}) OR error_severity IN {error_severities:Array(String)})
    AND (
        empty({has_error:Array(UInt8)})
        OR (error_type != '' OR status IN ('failed', 'timed_out')) = {has_error:Array(UInt8)}[1]
    )
    AND (empty({has_cost:Array(UInt8)}) OR isNotNull(cost_usd) = {has_cost:Array(UInt8)}[1])
    AND (
        empty({duration_bounds_ms:Array(UInt64)})
        OR (
            duration_ms >= {duration_bounds_ms:Array(UInt64)}[1]
            AND duration_ms <= {duration_bounds_ms:Array(UInt64)}[2]
        )
    )
    AND (
        empty({hours:Array(UInt8)})
        OR intDiv(
            positiveModulo(
                intDiv(toUnixTimestamp64Milli(started_at), 1000) + transform(
                    roundDown(toUnixTimestamp64Milli(started_at), {zone_starts_ms:Array(Int64)}),
                    {zone_starts_ms:Array(Int64)},
                    {zone_offsets_seconds:Array(Int64)},
                    toInt64(0)
                ) AS local_seconds,
                86400
            ),
            3600
        ) IN {hours:Array(UInt8)}
    )
    AND (
        empty({weekdays:Array(UInt8)})
        OR positiveModulo(intDiv(local_seconds, 86400) + 3, 7) + 1 IN {weekdays:Array(UInt8)}
    )
    AND (
        empty({ratings:Array(UInt8)})
        OR (workspace_id, external_id) IN (
            SELECT
                workspace_id,
                run_id
            FROM agent_feedback FINAL
            WHERE
                workspace_id != ''
                AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
                AND rating IN {ratings:Array(UInt8)}
        )
    )
