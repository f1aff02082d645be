"""What runs can be grouped and filtered by."""

from dataclasses import dataclass
from typing import Literal

DimensionType = Literal["string", "integer", "boolean", "number", "decimal"]
TAG_PREFIX = "tag:"
HAS_ERROR = "(error_type != '' OR shown_status IN ('failed', 'timed_out'))"
_LOCAL_SECONDS = (
    "intDiv(at_ms, 1000) + transform(roundDown(at_ms, {zone_starts_ms:Array(Int64)}), "
    "{zone_starts_ms:Array(Int64)}, {zone_offsets_seconds:Array(Int64)}, toInt64(0))"
)


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension. `in_cells`: whether cells hold it; `groups`: whether one can group by it, not only filter."""

    name: str
    meaning: str
    type: DimensionType
    sql: str
    in_cells: bool = False
    groups: bool = True

    @property
    def is_local_time(self) -> bool:
        return "zone_starts_ms" in self.sql


def _text(name: str, meaning: str, *, in_cells: bool = False, sql: str = "") -> Dimension:
    return Dimension(name, meaning, "string", sql or name, in_cells)


def _number(name: str, meaning: str) -> Dimension:
    return Dimension(name, meaning, "decimal" if name in ("cost_usd", "credits") else "integer", name, groups=False)


DIMENSIONS: dict[str, Dimension] = {
    dimension.name: dimension
    for dimension in (
        _text("workspace_id", "The workspace.", in_cells=True),
        _text("agent_id", "The agent; agents of the same id in two workspaces are two.", in_cells=True),
        _text("agent_name", "The name that the run gave for its agent."),
        _text("agent_version", "The agent's version.", in_cells=True),
        _text("environment", "Such as production or staging.", in_cells=True),
        _text("provider", "Who serves the model.", in_cells=True),
        _text("model", "The model.", in_cells=True),
        _text("status", "The status, `stalled` included.", in_cells=True, sql="shown_status"),
        _text("trigger", "What started the run.", sql="`trigger`"),
        _text("user_id", "The user."),
        _text("session_id", "The session."),
        _text("trace_id", "The trace."),
        _text("run_id", "The run's id as given.", sql="external_id"),
        _text("parent_run_id", "The id of the run that started this one."),
        _text("cost_source", "Where the cost comes from."),
        _text("price_version", "The price list behind the cost."),
        _text("error_type", "The error.", in_cells=True),
        _text("error_severity", "How bad the error is."),
        _text("error_category", "What kind of error it is."),
        Dimension("is_root", "Whether no other run started it.", "boolean", "toUInt8(is_root)", in_cells=True),
        Dimension(
            "has_error", "Whether it failed, timed out or names an error_type.", "boolean", f"toUInt8{HAS_ERROR}",
            in_cells=True,
        ),
        Dimension("has_cost", "Whether its cost is known.", "boolean", "toUInt8(isNotNull(cost_usd))"),
        Dimension(
            "hour", "Hour of the day in the question's time zone, 0 to 23.", "integer",
            f"toInt64(intDiv(positiveModulo({_LOCAL_SECONDS}, 86400), 3600))", in_cells=True,
        ),
        Dimension(
            "weekday", "Day of the week in the question's time zone, 1 is Monday.", "integer",
            f"toInt64(positiveModulo(intDiv({_LOCAL_SECONDS}, 86400) + 3, 7) + 1)", in_cells=True,
        ),
        _number("duration_ms", "How long the run took."),
        _number("queue_ms", "How long it waited before."),
        _number("input_tokens", "Its input tokens."),
        _number("output_tokens", "Its output tokens."),
        _number("total_tokens", "Its input and output tokens."),
        _number("cost_usd", "Its cost."),
        _number("credits", "Its credits."),
        _number("llm_calls", "Its calls of language models."),
        _number("tool_calls", "Its calls of tools."),
        _number("retries", "Its attempts after the first."),
        _number("files_modified", "The files it modified."),
        _number("recovery_ms", "How long it took to recover."),
    )
}  # fmt: skip


def find_dimension(name: str, tag_parameter: str) -> Dimension | None:
    """The dimension of that name. A tag's key is bound to the parameter of the given name."""
    if name.startswith(TAG_PREFIX) and len(name) > len(TAG_PREFIX):
        return Dimension(name, "The value of a tag; empty without it.", "string", f"tags[{{{tag_parameter}:String}}]")
    return DIMENSIONS.get(name)
