-- The active data parts of each table. `parts` is another text after every change of the table, and merges change it
-- for nothing. `filled_parts` have rows; `first_s` and `last_s` are the seconds between which these began, where the
-- table is partitioned by time, as the parts note them of their partition key: deleted rows and earlier versions count.
SELECT
    `table`,
    toString(sum(cityHash64(name, hash_of_all_files))) AS parts,
    countIf(rows > 0) AS filled_parts,
    toUnixTimestamp(minIf(min_time, rows > 0)) AS first_s,
    toUnixTimestamp(maxIf(max_time, rows > 0)) AS last_s
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY `table`
