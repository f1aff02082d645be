-- How many runs took how long: the bins that hold any (run_cells.sql tells what a bin is), in order.
SELECT
    bin,
    sum(bin_runs) AS runs
FROM run_facts
ARRAY JOIN
    duration_ms_bins AS bin,
    duration_ms_counts AS bin_runs
GROUP BY bin
ORDER BY bin
