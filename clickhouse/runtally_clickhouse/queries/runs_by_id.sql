-- The runs that an id names, the newest first: by the stored key, or by the id that the producer gave.
SELECT *
FROM merged_runs
WHERE
    ({by_key:UInt8} = 1 AND run_id = {key:UUID})
    OR ({by_key:UInt8} = 0 AND external_id = {given_id:String})
ORDER BY started_at DESC, workspace_id
LIMIT 1 BY workspace_id
