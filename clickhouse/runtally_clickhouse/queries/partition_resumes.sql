-- Up to where records of each partition of these streams were asked to pass, however many are dead letters.
SELECT
    stream,
    topic,
    `partition`,
    max(judged_from) AS requested_judged_from
FROM partition_resumes
WHERE stream IN {streams:Array(String)}
GROUP BY stream, topic, `partition`
ORDER BY stream, topic, `partition`
