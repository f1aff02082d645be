-- What users said of each run, by the id that its producer gave: how many ratings of each kind. The workspace without
-- a name holds the row that the consumer tries the table with; a feedback without its id was erased.
SELECT
    workspace_id,
    run_id AS external_id,
    countIf(rating = 1) AS ratings_1,
    countIf(rating = 2) AS ratings_2,
    countIf(rating = 3) AS ratings_3,
    countIf(rating = 4) AS ratings_4,
    countIf(rating = 5) AS ratings_5
FROM agent_feedback FINAL
WHERE
    workspace_id != ''
    AND feedback_id != ''
    AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
GROUP BY workspace_id, external_id
