-- What the ledger covers, by (stream, topic, partition): its ranges, those that lie end to end folded into one.
-- Folded is only what loses nothing by it: ranges that overlap no other and account for each of their offsets.
SELECT
    stream,
    topic,
    `partition`,
    min(first_offset) AS first,
    max(last_offset) AS last,
    sum(accepted) AS accepted_records,
    sum(dead) AS dead_records,
    count() AS ranges
FROM
(
    SELECT
        *,
        sum(begins) OVER (
            PARTITION BY stream, topic, `partition` ORDER BY first_offset, last_offset ROWS UNBOUNDED PRECEDING
        ) AS fold
    FROM
    (
        SELECT
            *,
            lagInFrame(foldable, 1, 0) OVER each_in_order AS previous_foldable,
            NOT (foldable AND previous_foldable AND first_offset = covered_to) AS begins
        FROM
        (
            SELECT
                stream,
                topic,
                `partition`,
                first_offset,
                last_offset,
                accepted,
                dead,
                max(last_offset + 1) OVER (each_in_order ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                    AS covered_to,
                leadInFrame(first_offset, 1, last_offset + 1) OVER (
                    each_in_order ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) AS next_first,
                toUInt64(accepted) + dead = last_offset - first_offset + 1
                    AND first_offset >= covered_to
                    AND next_first > last_offset AS foldable
            FROM ingest_ledger
            WINDOW each_in_order AS (PARTITION BY stream, topic, `partition` ORDER BY first_offset, last_offset)
        )
        WINDOW each_in_order AS (
            PARTITION BY stream, topic, `partition`
            ORDER BY first_offset, last_offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
    )
)
GROUP BY stream, topic, `partition`, fold
ORDER BY stream, topic, `partition`, first, last
