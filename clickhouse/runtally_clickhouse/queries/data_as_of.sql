-- When the store last acknowledged a batch: every run acknowledged by then is in an answer that is asked after this.
SELECT if(count() = 0, NULL, max(acknowledged_at)) AS data_as_of
FROM ingest_ledger
