-- handed_off_runs.sql where cells of sessions are at hand: `session_facts` says which sessions have any hand-off, and
-- when. Most have none, so most runs are not looked at.
WITH (
    SELECT (min(first_at_ms), max(last_at_ms) + 1)
    FROM session_facts
    WHERE handed_off_in_session > 0
) AS within
SELECT *
FROM run_cells
WHERE
    isNotNull(handed_off_at)
    AND session_id != ''
    AND started_at >= fromUnixTimestamp64Milli(within.1, 'UTC')
    AND started_at < fromUnixTimestamp64Milli(within.2, 'UTC')
    AND session_id IN (SELECT session_id FROM session_facts WHERE handed_off_in_session > 0)
