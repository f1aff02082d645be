"""What the endpoints about speed, load and outcomes hold: their measures, and the shapes made of these."""

from typing import Any, Final

from runtally_clickhouse.measures.definitions import STATUSES

from runtally_api.answers import Answer
from runtally_api.measured_answers import NamedMeta, compared, measured, shape

_PERCENTILES: Final = ("p50", "p75", "p90", "p95", "p99")
_OUTCOMES: Final = ("runs", "succeeded", "errors", "success_rate", "failure_rate")
DURATIONS: Final = ("avg_duration_ms", *(f"{level}_duration_ms" for level in _PERCENTILES))
QUEUE_TIMES: Final = ("avg_queue_ms", *(f"{level}_queue_ms" for level in _PERCENTILES))
PERFORMANCE: Final = (*_OUTCOMES, "success_rate_all", "runs_per_minute", *DURATIONS, "cost_per_run_usd")
STATS: Final = (
    *("runs", "root_runs", "sub_runs", *STATUSES, "errors", "success_rate", "success_rate_all", "failure_rate"),
    *("active_agents", "active_users", "sessions", "avg_duration_ms", "p95_duration_ms"),
    *("input_tokens", "output_tokens", "total_tokens", "cost_usd", "cost_per_run_usd", "cost_coverage"),
    *("llm_calls", "tool_calls", "retries"),
)
EXECUTIONS: Final = ("runs", "root_runs", "sub_runs", *STATUSES, "success_rate", "success_rate_all")
EXECUTIONS_OF: Final = ("runs", "avg_duration_ms", "p95_duration_ms", "total_tokens", "cost_usd")
EXECUTION_METRICS: Final = (
    *("runs", *DURATIONS, *QUEUE_TIMES, "llm_calls", "tool_calls", "retries", "avg_files_modified"),
    *("input_tokens", "output_tokens", "total_tokens", "handoff_rate", "recovery_rate"),
)
NOW: Final = ("queued", "running", "stalled")
RECENT: Final = (*_OUTCOMES, "runs_per_minute", "avg_duration_ms", "p95_duration_ms", "total_tokens", "cost_usd")
THROUGHPUT: Final = ("runs", "runs_per_minute", "succeeded", "errors", "total_tokens", "cost_usd")
AGENT_KEYS: Final = {"workspace_id": str | None, "agent_id": str | None, "other": bool}


def _rows(name: str, measures: tuple[str, ...], **fields: Any) -> Any:
    return list[measured(name, measures, **fields)]  # type: ignore[misc] # a model made here


def _compared_totals(name: str, measures: tuple[str, ...]) -> type[Answer]:
    return measured(name, measures, **compared(name, measures))


PERFORMANCE_ANSWER: Final = shape(
    "Performance",
    totals=_compared_totals("PerformanceTotals", PERFORMANCE),
    series=_rows("PerformanceSeriesRow", PERFORMANCE, time=str),
    by_agent=_rows("PerformanceAgent", PERFORMANCE, **AGENT_KEYS),
    meta=NamedMeta,
)
STATS_ANSWER: Final = shape("Stats", totals=_compared_totals("StatsTotals", STATS), meta=NamedMeta)
EXECUTIONS_ANSWER: Final = shape(
    "Executions",
    totals=measured("ExecutionsTotals", EXECUTIONS),
    by_status=_rows("ExecutionsOfStatus", EXECUTIONS_OF, status=str | None, other=bool, share=float | None),
    by_trigger=_rows("ExecutionsOfTrigger", EXECUTIONS_OF, trigger=str | None, other=bool, share=float | None),
    by_environment=_rows(
        "ExecutionsOfEnvironment", EXECUTIONS_OF, environment=str | None, other=bool, share=float | None
    ),
    series=_rows("ExecutionsSeriesRow", EXECUTIONS, time=str),
    meta=NamedMeta,
)
EXECUTION_METRICS_ANSWER: Final = shape(
    "ExecutionMetrics",
    totals=_compared_totals("ExecutionMetricsTotals", EXECUTION_METRICS),
    by_agent=_rows("ExecutionMetricsAgent", EXECUTION_METRICS, **AGENT_KEYS),
    meta=NamedMeta,
)
_RECENT_ANSWER: Final = measured("RecentRuns", RECENT, "Runs that started then.")
REALTIME_ANSWER: Final = shape(
    "RealtimeExecution",
    now=measured("RunsNow", NOW, "Runs queued and under way, whenever they started."),
    last_minute=_RECENT_ANSWER,
    last_five_minutes=_RECENT_ANSWER,
    meta=NamedMeta,
)
_PEAK: Final = shape("ThroughputPeak", "The busiest step.", time=str, runs=int, runs_per_minute=float)
THROUGHPUT_ANSWER: Final = shape(
    "Throughput",
    totals=_compared_totals("ThroughputTotals", THROUGHPUT),
    peak=_PEAK | None,
    granularity=str,
    series=_rows("ThroughputSeriesRow", THROUGHPUT, time=str),
    meta=NamedMeta,
)
_BUCKET: Final = shape(
    "LatencyBucket", "Runs of at least from_ms and less than to_ms.", from_ms=int, to_ms=int, runs=int
)
_HISTOGRAM: Any = list[_BUCKET]  # type: ignore[valid-type] # a model made here
LATENCY_ANSWER: Final = shape(
    "Latency",
    runs=int,
    duration=measured("DurationLatency", DURATIONS, known_runs=int, histogram=_HISTOGRAM),
    queue=measured("QueueLatency", QUEUE_TIMES, known_runs=int, histogram=_HISTOGRAM),
    by_agent=_rows("LatencyAgent", ("runs", *DURATIONS, *QUEUE_TIMES), **AGENT_KEYS),
    meta=NamedMeta,
)
