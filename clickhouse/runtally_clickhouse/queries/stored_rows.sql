-- The rows of runs as they lie there, before FINAL merges them, and of how many runs the newest version says that they are
-- deleted: one that was erased with its user may be published without the user later.
SELECT
    (
        SELECT count()
        FROM agent_runs
        WHERE {sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)}
    ) AS stored_rows,
    (
        SELECT count()
        FROM (
            SELECT argMax(is_deleted, version) AS wins_deleted
            FROM agent_runs
            WHERE
                ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
                AND (workspace_id, started_at, run_id) IN (
                    SELECT
                        workspace_id,
                        started_at,
                        run_id
                    FROM agent_runs
                    WHERE
                        is_deleted = 1
                        AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
                )
            GROUP BY workspace_id, run_id
            HAVING wins_deleted = 1
        )
    ) AS deleted_runs
