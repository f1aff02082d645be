-- How many withdrawals there are: none ever goes, and none is changed in what it withdraws, so the list is the same while
-- these are.
SELECT
    (SELECT uniqExact(id) FROM erasures) AS erasures,
    (SELECT uniqExact(event_table, `before`) FROM retention_horizons) AS horizons
