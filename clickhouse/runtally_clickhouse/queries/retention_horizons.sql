-- Before which instant each table holds nothing any more, and whether what lay before it was dropped and marked.
SELECT
    event_table,
    toUnixTimestamp64Milli(max(`before`)) AS before_ms,
    argMax(applied, (`before`, revision)) AS applied,
    argMax(revision, (`before`, revision)) AS revision
FROM retention_horizons
GROUP BY event_table
ORDER BY event_table
