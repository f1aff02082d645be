-- The ids that producers gave to several runs: snapshots of one run with different starts, which the contract forbids.
-- The key of a run is its start and, beneath it, 62 bits that are of its name alone; a UUIDv7 is its own key, so runs of
-- such ids cannot be split. So rows of other starts with the same lower half of the key are looked for first, of all
-- versions, which takes no merging and no names: only what is found is read and grouped by name. Counting comes before
-- starts are compared, as it takes a third of the memory; a slice is of keys whose lower halves leave that remainder.
SELECT
    workspace_id,
    external_id,
    count() AS stored_runs,
    min(started_at) AS first,
    max(started_at) AS last,
    count() OVER () AS split_runs
FROM merged_runs
WHERE
    (workspace_id, started_at, run_id) IN (
        SELECT
            workspace_id,
            started_at,
            run_id
        FROM rows_in_range
        WHERE
            lower_half IN (
                SELECT lower_half
                FROM rows_in_range
                WHERE
                    lower_half IN (
                        SELECT lower_half
                        FROM rows_in_range
                        WHERE lower_half % {slices:UInt32} = {slice:UInt32}
                        GROUP BY lower_half
                        HAVING count() > 1
                    )
                GROUP BY lower_half
                HAVING min(started_at) != max(started_at)
            )
    )
    AND external_id != toString(run_id)
GROUP BY workspace_id, external_id
HAVING stored_runs > 1
ORDER BY last DESC, workspace_id, external_id
LIMIT {limit:UInt32}
