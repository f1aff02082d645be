-- Erasures with how far their jobs are, newest first.
SELECT *
FROM erasures
WHERE empty({ids:Array(UUID)}) OR has({ids:Array(UUID)}, id)
ORDER BY requested_at DESC, id DESC
LIMIT {limit:UInt32}
