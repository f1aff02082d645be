"""Measures as the dashboard names them: their meaning from the API's catalogue, the words of a change here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import AliasChoices, Field

from runtally_ui.answers import Answer

Judgement = Literal["more is better", "more is worse", "neither"]


class Measure(Answer):
    """One entry of `GET /api/v1/meta`."""

    name: str
    meaning: str = Field(default="", validation_alias=AliasChoices("meaning", "description"))
    unit: str = ""
    format: str = "number"


class Catalogue(Answer):
    """`GET /api/v1/meta`."""

    measures: list[Measure] = Field(default_factory=list)


_LABELS = {
    "cost_usd": "Total cost",
    "cost_per_run_usd": "Cost per run",
    "cost_per_success_usd": "Cost per success",
    "cost_coverage": "Cost known",
    "total_tokens": "Tokens",
    "avg_duration_ms": "Mean duration",
    "llm_calls": "LLM calls",
    "avg_files_modified": "Files modified per run",
    "success_rate_all": "Success rate, all runs",
    "active_users": "Users",
    "errors": "Failed runs",
    "avg_rating": "Mean rating",
    **{f"ratings_{stars}": f"{stars} ★" for stars in (5, 4, 3, 2, 1)},
    "avg_session_lifespan_ms": "Session lifespan",
    "active_ms_per_session": "Active time of a session",
    "handoff_rate": "Handed off",
    "post_handoff_iteration_rate": "Worked on after a hand-off",
    "runs_with_errors": "Runs with errors",
    "mean_time_to_recovery_ms": "Mean time to recovery",
}
_NEITHER = frozenset({"avg_session_lifespan_ms", "active_ms_per_session"})
_FORMATS = (
    ("_usd", "money"), ("cost_coverage", "share"), ("_rate", "share"), ("_rate_all", "share"), ("_ms", "duration"),
)  # fmt: skip
_BETTER = frozenset({"success_rate", "success_rate_all", "cache_hit_rate", "recovery_rate", "avg_rating"})
_WORSE = frozenset(
    {"failure_rate", "retries", "errors", "failed", "timed_out", "cost_per_run_usd", "cost_per_success_usd"}
)


@dataclass(frozen=True)
class MeasureBook:
    """What is known of the measures. Without the API's catalogue the figures stand, only the help is missing."""

    known: Mapping[str, Measure] = field(default_factory=dict)

    @classmethod
    def of(cls, measures: Sequence[Measure]) -> "MeasureBook":
        return cls({measure.name: measure for measure in measures})

    def format(self, name: str) -> str:
        """`count`, `money`, `duration`, `share` or `number`."""
        if name in self.known:
            return self.known[name].format
        guessed = (form for ending, form in _FORMATS if name.endswith(ending))
        return next(guessed, "number" if name.startswith(("avg_", "runs_per")) else "count")

    def help(self, name: str) -> str:
        """What the measure means, and its unit."""
        measure = self.known.get(name)
        if measure is None or not measure.meaning:
            return ""
        return f"{measure.meaning} Unit: {measure.unit}." if measure.unit else measure.meaning


def label(name: str) -> str:
    """`p95_duration_ms` is `p95 duration`."""
    if name in _LABELS:
        return _LABELS[name]
    words = name.removesuffix("_ms").removesuffix("_usd").replace("_", " ")
    return words if name[:1] == "p" and name[1:3].isdigit() else words[:1].upper() + words[1:]


def judgement(name: str) -> Judgement:
    """Whether a rise is good news."""
    if name in _BETTER:
        return "more is better"
    if name in _NEITHER:
        return "neither"
    return "more is worse" if name in _WORSE or name.endswith("_ms") else "neither"


def change_words(name: str, form: str) -> tuple[str, str]:
    """What a rise and a fall of the measure are called."""
    if name.endswith(("duration_ms", "queue_ms", "recovery_ms")):
        return "slower", "faster"
    if name in _NEITHER:
        return "longer", "shorter"
    if name.startswith("cost_per"):
        return "dearer", "cheaper"
    if form == "count":
        return "more", "fewer"
    return ("more", "less") if name == "cost_usd" else ("higher", "lower")
