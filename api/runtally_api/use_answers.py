"""What the comparison of models and the list of sessions hold: their measures, and the shapes made of these."""

from typing import Any, Final

from runtally_api.measured_answers import NamedMeta, compared, measured, shape

MODEL_MEASURES: Final = (
    *("runs", "success_rate", "failure_rate", "avg_duration_ms", "p50_duration_ms", "p95_duration_ms"),
    *("input_tokens", "output_tokens", "total_tokens", "cache_hit_rate", "cost_usd", "cost_per_run_usd"),
    *("cost_per_success_usd", "cost_coverage", "retries"),
)
SESSION_TOTALS: Final = (
    *("runs", "sessions", "active_users", "runs_per_session", "sessions_per_user"),
    *("avg_session_lifespan_ms", "active_ms_per_session", "handoff_rate", "post_handoff_iteration_rate"),
)
SESSION_MEASURES: Final = (
    *("runs", "succeeded", "errors", "first_run_at", "last_run_at", "active_agents", "active_users"),
    *("avg_session_lifespan_ms", "active_ms_per_session", "total_tokens", "cost_usd"),
)
_MODEL: Any = measured(
    "ComparedModel",
    MODEL_MEASURES,
    model=str | None,
    model_name=str | None,
    other=bool,
    share_of_runs=float | None,
    share_of_cost=float | None,
    **compared("ComparedModel", MODEL_MEASURES),
)
MODELS_ANSWER: Final = shape(
    "ModelsCompared",
    "Runs of no model are in none of this.",
    models=list[_MODEL],
    totals=measured("ComparedModelsTotals", MODEL_MEASURES),
    meta=NamedMeta,
)
_SESSION: Any = measured("Session", SESSION_MEASURES, workspace_id=str, session_id=str)
_SESSION_TOTALS: Any = measured("SessionsTotals", SESSION_TOTALS, "Over all runs, those of no session too.")
SESSIONS_ANSWER: Final = shape(
    "Sessions",
    data=list[_SESSION],
    totals=_SESSION_TOTALS | None,
    next_cursor=str | None,
    has_more=bool,
    meta=NamedMeta,
)
