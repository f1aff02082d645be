-- Marks: whoever changes runs of a bucket (15 minutes UTC of started_at) adds a random number to it afterwards, so
-- the sum, which wraps, tells whether the bucket changed since it was last rolled up. It counts nothing.
-- No partitions: a mark is then one part whatever months it touches, and a year of buckets is a few granules.
CREATE TABLE IF NOT EXISTS bucket_changes ${ON_CLUSTER}
(
    bucket DateTime('UTC'),
    changes UInt64
)
ENGINE = ${REPLICATED}SummingMergeTree(changes)
ORDER BY bucket
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0;
