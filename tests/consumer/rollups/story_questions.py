"""The range that the stories of interleaving write to, and what they ask of it."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from runtally_clickhouse.measures.composition import Limits, Relation
from runtally_clickhouse.measures.question import Filter, Question
from runtally_clickhouse.measures.time_steps import make_steps
from runtally_clickhouse.rollup_levels import DAY
from runtally_clickhouse.rollups import BUCKET_SECONDS

FIRST_S = 1_795_251_600
BUCKETS = [FIRST_S + BUCKET_SECONDS * place for place in range(6)]
END_S = BUCKETS[-1] + BUCKET_SECONDS
STEPS = make_steps(
    datetime.fromtimestamp(FIRST_S, UTC), datetime.fromtimestamp(END_S, UTC), ZoneInfo("UTC"), "quarter_hour"
)
QUESTION = Question(("runs", "cost_usd"), STEPS)
OF_ERRORS = Question(("runs", "active_users", "cost_usd"), STEPS, filters=(Filter("has_error", "in", (1,)),))
OF_SESSIONS = replace(OF_ERRORS, measures=("runs", "active_users", "avg_session_lifespan_ms", "cost_usd"), filters=())
BESIDE = (("errors", OF_ERRORS, Relation.ERROR_RUNS), ("sessions", OF_SESSIONS, Relation.SESSION_CELLS))
DAY_S = DAY.start_of(FIRST_S)
HOURS = make_steps(
    datetime.fromtimestamp(DAY_S, UTC), datetime.fromtimestamp(DAY_S + DAY.seconds, UTC), ZoneInfo("UTC"), "hour"
)
OF_HOURS = Question(QUESTION.measures, HOURS)
OF_THE_DAY = Question(QUESTION.measures, make_steps(HOURS.start, HOURS.end, HOURS.zone, "none"))
READ = Limits(max_memory_bytes=2**30, max_rows=1000)
READ_ONE_BY_ONE = Limits(max_memory_bytes=2**30, max_rows=1000, use_rollups=False)
