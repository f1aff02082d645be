-- In the place of each, a copy that says nothing but where it was and which field was at fault.
INSERT INTO dead_letters (stream, topic, `partition`, `offset`, recorded_at, reason, field, message)
SELECT
    stream,
    topic,
    `partition`,
    `offset`,
    max(recorded_at) + toIntervalMicrosecond(1),
    any(reason),
    any(field),
    'erased'
FROM dead_letters
WHERE
    ${OF_SUBJECT}
GROUP BY stream, topic, `partition`, `offset`
