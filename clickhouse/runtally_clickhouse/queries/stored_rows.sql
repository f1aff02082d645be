-- The rows of runs as they lie there, before FINAL merges them: read without it, but for the count of runs. A run that
-- was deleted in any version is deleted, whatever follows, so deleted ones are counted by their keys.
SELECT
    (
        SELECT count()
        FROM agent_runs
        WHERE {sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)}
    ) AS stored_rows,
    (
        SELECT count()
        FROM agent_runs FINAL
        WHERE {sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)}
    ) AS runs,
    (
        SELECT uniqExact(workspace_id, run_id)
        FROM agent_runs
        WHERE
            is_deleted = 1
            AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
    ) AS deleted_runs
