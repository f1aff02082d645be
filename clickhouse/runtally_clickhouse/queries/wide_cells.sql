-- Cells of hours or days as those of quarter hours give them (`wide_sums`: rolled_up_cells.sql over run_facts). The
-- histograms of cells that belong together stand on the first of them: apart they would be nearly as long as together,
-- and there are many more of the cells.
SELECT
    * REPLACE (
        if(place = 1, durations.1, []) AS duration_ms_bins,
        if(place = 1, durations.2, []) AS duration_ms_counts,
        if(place = 1, queues.1, []) AS queue_ms_bins,
        if(place = 1, queues.2, []) AS queue_ms_counts
    )
FROM (
    SELECT
        *,
        row_number() OVER same AS place,
        sumMap(duration_ms_bins, duration_ms_counts) OVER together AS durations,
        sumMap(queue_ms_bins, queue_ms_counts) OVER together AS queues
    FROM wide_sums
    WINDOW
        same AS (PARTITION BY ${TOGETHER} ORDER BY ${APART}),
        together AS (PARTITION BY ${TOGETHER})
)
