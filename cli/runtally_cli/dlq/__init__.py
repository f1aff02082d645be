"""`runtally dlq`: the records that were refused, why, and publishing them again."""
