-- The first and the last start among the runs that a question could reach with its filters.
SELECT
    count() AS runs,
    min(started_at) AS first,
    max(started_at) AS last
FROM merged_runs
