-- What users said of the runs in scope, the newest first, each once, after the cursor's when there is one. Feedback
-- belongs to a run by the id that the run's producer gave; of an id given to several runs the newest is named. A feedback
-- without its id was erased, and the workspace without a name holds the row that the consumer tries the table with.
SELECT
    said_in AS workspace_id,
    id,
    feedback_id,
    toUnixTimestamp64Micro(said_at) AS created_us,
    said_of AS run_id,
    ran_as AS agent_id,
    ran_name AS agent_name,
    ran_version AS agent_version,
    said_by AS user_id,
    rating,
    comment,
    category,
    sentiment
FROM
(
    SELECT
        workspace_id AS said_in,
        id,
        feedback_id,
        created_at AS said_at,
        run_id AS said_of,
        user_id AS said_by,
        rating,
        comment,
        category,
        sentiment
    FROM agent_feedback FINAL
    WHERE
        workspace_id != ''
        AND feedback_id != ''
        AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
        AND (empty({ratings:Array(UInt8)}) OR rating IN {ratings:Array(UInt8)})
        AND ({only_comments:UInt8} = 0 OR comment != '')
        AND (
            {has_cursor:UInt8} = 0
            OR (created_at, id, workspace_id) < (
                fromUnixTimestamp64Micro({cursor_us:Int64}, 'UTC'), {cursor_id:UUID}, {cursor_workspace:String}
            )
        )
) AS said
INNER JOIN
(
    SELECT
        workspace_id AS ran_in,
        external_id AS ran_id,
        argMax(agent_id, started_at) AS ran_as,
        argMax(agent_name, started_at) AS ran_name,
        argMax(agent_version, started_at) AS ran_version
    FROM merged_runs
    WHERE (workspace_id, external_id) IN (
        SELECT
            workspace_id,
            run_id
        FROM agent_feedback FINAL
        WHERE
            workspace_id != ''
            AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
    )
    GROUP BY ran_in, ran_id
) AS ran ON said_in = ran_in AND said_of = ran_id
ORDER BY said_at DESC, id DESC, said_in DESC
LIMIT {limit:UInt32}
