-- The runs of a session that were handed off to a person, of the question's range and filters.
SELECT *
FROM run_cells
WHERE isNotNull(handed_off_at) AND session_id != ''
