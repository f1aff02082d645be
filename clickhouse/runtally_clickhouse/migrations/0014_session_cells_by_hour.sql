-- What session_cells hold, made of these, by hour (UTC), under the very generation of the hour's cells in
-- run_rollup_by_hour: a session's runs are spread over several quarter hours, and its cells of hours over few. Root
-- runs are not told apart here, as in no cells of hours. started_at is when the first of a cell's runs began: by it an
-- erasure tells what it is about. Derived: never backed up.
-- Users and sessions are counted by their hashes (run_cells.sql). In cells that are there already they are 0, and so
-- the layout of quarter hours is another one.
ALTER TABLE session_cells ${ON_CLUSTER}
    ADD COLUMN IF NOT EXISTS hashed_user UInt128 AFTER session_id,
    ADD COLUMN IF NOT EXISTS hashed_session UInt128 AFTER hashed_user;

CREATE TABLE IF NOT EXISTS session_cells_by_hour ${ON_CLUSTER} AS session_cells
ENGINE = ${REPLICATED}MergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (workspace_id, bucket, generation, user_id, session_id)
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
