-- The greatest generation of any of these buckets, published or not; 0 where there is none.
SELECT max(generation) AS generation
FROM (
    SELECT generation FROM {published:Identifier}
    WHERE bucket IN (SELECT toDateTime(arrayJoin({buckets:Array(UInt32)}), 'UTC'))
    UNION ALL
    SELECT generation FROM {error_runs:Identifier}
    WHERE bucket IN (SELECT toDateTime(arrayJoin({buckets:Array(UInt32)}), 'UTC'))
    UNION ALL
    SELECT generation FROM {session_cells:Identifier}
    WHERE bucket IN (SELECT toDateTime(arrayJoin({buckets:Array(UInt32)}), 'UTC'))
    UNION ALL
    SELECT generation FROM {cells:Identifier}
    WHERE bucket IN (SELECT toDateTime(arrayJoin({buckets:Array(UInt32)}), 'UTC'))
)
