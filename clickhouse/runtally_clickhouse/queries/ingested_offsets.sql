-- Which offsets of some partitions the store has acknowledged, bounded for each partition by what is asked of it.
SELECT
    `partition`,
    first_offset,
    last_offset
FROM ingest_ledger
WHERE
    stream = {stream:String}
    AND topic = {topic:String}
    AND `partition` IN {partitions:Array(UInt32)}
    AND last_offset >= {first_offsets:Array(UInt64)}[indexOf({partitions:Array(UInt32)}, `partition`)]
    AND first_offset <= {last_offsets:Array(UInt64)}[indexOf({partitions:Array(UInt32)}, `partition`)]
ORDER BY `partition`, first_offset
