-- How many copies of dead letters an erasure is about.
SELECT count() AS stored_rows
FROM dead_letters
WHERE
    ${OF_SUBJECT}
