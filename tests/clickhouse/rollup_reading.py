"""What a reader is told about runs by bucket: by rollups where they are up to date, by the runs where not.

The reference of the sequences here: the union that DESIGN describes, over counts and costs, with
the state read once and the rollups after it.
"""

from decimal import Decimal

from runtally_clickhouse.client import Reader
from runtally_clickhouse.rollup_levels import QUARTER_HOUR
from runtally_clickhouse.rollups import BUCKET_SECONDS

Sums = dict[int, tuple[int, Decimal]]  # bucket: runs and cost

_UNION = """
WITH (
    SELECT (groupArrayIf((bucket, g), clean), groupArrayIf(bucket, NOT clean))
    FROM (
        SELECT bucket, sum(m) AS c, max(gn) AS g, argMax((sn, ly), gn) AS s, g > 0 AND s = (c, {layout:UInt32}) AS clean
        FROM (
            SELECT bucket, changes AS m, toUInt64(0) AS gn, toUInt64(0) AS sn, toUInt32(0) AS ly FROM bucket_changes
            WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({to_s:UInt32}, 'UTC')
            UNION ALL
            SELECT bucket, toUInt64(0), generation, seen, layout FROM bucket_rollups
            WHERE bucket >= toDateTime({from_s:UInt32}, 'UTC') AND bucket < toDateTime({to_s:UInt32}, 'UTC')
            UNION ALL
            SELECT toDateTime({from_s:UInt32} + 900 * number, 'UTC'), 0, 0, 0, 0
            FROM numbers(intDiv({to_s:UInt32} - {from_s:UInt32}, 900))
        )
        GROUP BY bucket
    )
) AS state
SELECT toUnixTimestamp(bucket) AS bucket_s, sum(runs) AS runs_there, sum(cost) AS cost_there
FROM (
    SELECT
        toStartOfFifteenMinutes(started_at) AS bucket,
        toUInt64(1) AS runs,
        CAST(ifNull(cost_usd, 0), 'Decimal(38, 9)') AS cost
    FROM agent_runs FINAL
    WHERE toStartOfFifteenMinutes(started_at) IN (SELECT arrayJoin(state.2))
        AND started_at >= toDateTime({from_s:UInt32}, 'UTC') AND started_at < toDateTime({to_s:UInt32}, 'UTC')
    UNION ALL
    SELECT bucket, runs, cost_usd_sum FROM run_rollup
    WHERE (bucket, generation) IN (SELECT arrayJoin(state.1))
)
GROUP BY bucket
"""
_RAW = """
SELECT
    toUnixTimestamp(toStartOfFifteenMinutes(started_at)) AS bucket_s,
    count() AS runs_there,
    CAST(ifNull(sum(cost_usd), 0), 'Decimal(38, 9)') AS cost_there
FROM agent_runs FINAL
WHERE started_at >= toDateTime({from_s:UInt32}, 'UTC') AND started_at < toDateTime({to_s:UInt32}, 'UTC')
GROUP BY bucket_s
"""


def sums_by_bucket(reader: Reader, from_s: int, to_s: int) -> Sums:
    """Through the rollups, of a range that begins and ends with a bucket."""
    bound = {"from_s": from_s, "to_s": to_s, "layout": QUARTER_HOUR.layout}
    return {row["bucket_s"]: (row["runs_there"], row["cost_there"]) for row in reader.query(_UNION, bound)}


def raw_sums_by_bucket(reader: Reader, from_s: int, to_s: int) -> Sums:
    """The truth, of the merged runs."""
    bound = {"from_s": from_s, "to_s": to_s}
    return {row["bucket_s"]: (row["runs_there"], row["cost_there"]) for row in reader.query(_RAW, bound)}


def clean_buckets(reader: Reader) -> set[int]:
    """Those whose rollup is read."""
    rows = reader.query(
        "SELECT toUnixTimestamp(bucket) AS bucket_s FROM ("
        "SELECT bucket, changes AS m, 0 AS gn, 0 AS sn, 0 AS ly FROM bucket_changes "
        "UNION ALL SELECT bucket, 0, generation, seen, layout FROM bucket_rollups) "
        "GROUP BY bucket HAVING max(gn) > 0 AND argMax((sn, ly), gn) = (sum(m), {layout:UInt32})",
        {"layout": QUARTER_HOUR.layout},
    )
    return {row["bucket_s"] for row in rows}


def bucket_of(unix_s: float) -> int:
    return int(unix_s) // BUCKET_SECONDS * BUCKET_SECONDS
