-- Which offsets of some partitions the store has acknowledged, bounded for each partition by what is asked of it.
-- Ranges that overlap or lie end to end are one: a partition has millions of them, and nobody here counts records.
SELECT
    `partition`,
    min(first_offset) AS first,
    max(last_offset) AS last
FROM
(
    SELECT
        *,
        sum(first_offset > covered_to) OVER (
            PARTITION BY `partition` ORDER BY first_offset, last_offset ROWS UNBOUNDED PRECEDING
        ) AS stretch
    FROM
    (
        SELECT
            `partition`,
            first_offset,
            last_offset,
            max(last_offset + 1) OVER (
                PARTITION BY `partition` ORDER BY first_offset, last_offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS covered_to
        FROM ingest_ledger
        WHERE
            stream = {stream:String}
            AND topic = {topic:String}
            AND `partition` IN {partitions:Array(UInt32)}
            AND last_offset >= {first_offsets:Array(UInt64)}[indexOf({partitions:Array(UInt32)}, `partition`)]
            AND first_offset <= {last_offsets:Array(UInt64)}[indexOf({partitions:Array(UInt32)}, `partition`)]
    )
)
GROUP BY `partition`, stretch
ORDER BY `partition`, first
