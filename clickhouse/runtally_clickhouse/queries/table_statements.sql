-- The tables of this database as the engine itself describes them, without the database's name.
SELECT
    name,
    engine,
    formatQuery(replaceOne(create_table_query, concat(currentDatabase(), '.'), '')) AS statement
FROM system.tables
WHERE database = currentDatabase()
ORDER BY name
