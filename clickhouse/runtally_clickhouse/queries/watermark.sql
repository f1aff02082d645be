-- What changes whenever anything does that an answer can hold: the data parts of all tables, by name and content. It
-- sees every writer, also one that marks nothing. Merges change it, too, for nothing; what is derived is left out.
SELECT toString(sum(cityHash64(`table`, name, hash_of_all_files))) AS watermark
FROM system.parts
WHERE
    database = currentDatabase()
    AND active
    AND `table` NOT IN ('bucket_changes', 'bucket_rollups', 'run_rollup')
