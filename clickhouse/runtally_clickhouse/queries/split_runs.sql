-- The ids that producers gave to several runs: snapshots of one run with different starts, which the contract forbids.
-- A UUIDv7 is its own key, so runs of such ids cannot be split and need not be looked at. All others are grouped by a
-- hash first, which is much cheaper than by names: only runs whose hash another one has are grouped by these.
SELECT
    workspace_id,
    external_id,
    count() AS stored_runs,
    min(started_at) AS first,
    max(started_at) AS last,
    count() OVER () AS split_runs
FROM merged_runs
WHERE
    cityHash64(workspace_id, external_id) IN (
        SELECT hash_of_names
        FROM (
            SELECT cityHash64(workspace_id, external_id) AS hash_of_names
            FROM merged_runs
            WHERE external_id != toString(run_id)
        )
        GROUP BY hash_of_names
        HAVING count() > 1
    )
    AND external_id != toString(run_id)
GROUP BY workspace_id, external_id
HAVING stored_runs > 1
ORDER BY last DESC, workspace_id, external_id
LIMIT {limit:UInt32}
