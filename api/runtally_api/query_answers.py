"""An answer of the catalogue as JSON has it (CONTRACT 3.5): rows, columns, and what `meta` adds. Pure."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from runtally_clickhouse.measures.asking import Answer, AnswerRow
from runtally_clickhouse.measures.definitions import MEASURES
from runtally_clickhouse.measures.dimensions import DIMENSIONS, TAG_PREFIX
from runtally_clickhouse.measures.forms import Value
from runtally_clickhouse.measures.question import Filter
from runtally_clickhouse.measures.time_steps import COMPARISONS, GRANULARITIES, TimeSteps

from runtally_api.formats import instant, money
from runtally_api.meta import FAILURES

TIME_COLUMN = {"name": "time", "kind": "time", "type": "datetime", "unit": None}
OTHER_COLUMN = {"name": "other", "kind": "group", "type": "boolean", "unit": None}


def columns(answer: Answer) -> list[dict[str, Any]]:
    """What each field of a row is, in the order of the row."""
    question = answer.question
    found = [TIME_COLUMN] if question.steps.starts_ms else []
    found += [
        {"name": dimension.name, "kind": "dimension", "type": dimension.type, "unit": None}
        for dimension in question.keys
    ]
    found += [OTHER_COLUMN] if question.keys else []
    return found + [
        {"name": measure.name, "kind": "measure", "type": measure.type, "unit": measure.unit}
        for measure in question.asked
    ]


def rows(answer: Answer) -> list[dict[str, Any]]:
    """The rows, with `compare` and `change` where another period was asked for."""
    return [_row(answer, row) for row in answer.rows]


def totals(answer: Answer) -> dict[str, Any]:
    """The measures over all groups and the whole range, of groups beyond the limit, too."""
    entry = _written(answer.totals)
    if answer.totals_then is not None:
        entry["compare"], entry["change"] = _written(answer.totals_then), answer.totals_change
    return entry


def _row(answer: Answer, row: AnswerRow) -> dict[str, Any]:
    question = answer.question
    entry: dict[str, Any] = {}
    if row.step is not None:
        entry["time"] = step_time(question.steps, row.step)
    keys = question.keys
    for place, dimension in enumerate(keys):
        value = None if row.group.key is None else row.group.key[place]
        entry[dimension.name] = bool(value) if dimension.type == "boolean" and value is not None else value
    if keys:
        entry["other"] = row.group.key is None
    entry |= _written(row.values)
    if row.then is not None:
        then = _written(row.then)
        if row.step is not None and answer.compared is not None:
            then = {"time": step_time(answer.compared, row.step), **then}
        entry["compare"], entry["change"] = then, row.change
    return entry


def _written(values: Mapping[str, Value]) -> dict[str, Any]:
    return {name: written(value) for name, value in values.items()}


def written(value: Value) -> Any:
    """A value as JSON has it: money and other decimals as text, instants in UTC."""
    if isinstance(value, datetime):
        return instant(value)
    return money(value) if isinstance(value, Decimal) else value


def step_time(steps: TimeSteps, step: int) -> str:
    """When a step begins, by the clocks of the zone."""
    local: datetime = steps.local(step)
    return local.isoformat(timespec="seconds").replace("+00:00", "Z" if steps.zone.key == "UTC" else "+00:00")


def query_meta(answer: Answer, query_id: str) -> dict[str, Any]:
    """What `meta` says beyond that of every answer."""
    meta: dict[str, Any] = {
        "query_id": query_id,
        "rows": len(answer.rows),
        "granularity": answer.question.steps.granularity,
        "approximate": answer.approximate,
        "coverage": {name: {"known": known, "runs": answer.runs} for name, known in answer.known.items()},
        "relation": str(answer.relation),
        "source": answer.source,
        "buckets": dict(answer.buckets),
        "truncated": answer.truncated,
        "hides_failures": any(_hides_failures(entry) for entry in answer.question.filters),
    }
    if answer.compared is not None:
        meta["compare"] = {"from": instant(answer.compared.start), "to": instant(answer.compared.end)}
    return meta


def _hides_failures(entry: Filter) -> bool:
    """Whether a filter leaves failed or timed-out runs out."""
    if entry.dimension != "status":
        return False
    text = [str(value) for value in entry.values]
    return not all(_passes(status, entry, text) for status in FAILURES)


def _passes(status: str, entry: Filter, values: list[str]) -> bool:
    match entry.operator:
        case "in":
            return status in values
        case "not_in":
            return status not in values
        case "contains":
            return any(value in status for value in values)
        case "gte":
            return status >= values[0]
        case "lt":
            return status < values[0]


def catalogue() -> dict[str, Any]:
    """What can be asked for."""
    return {
        "measures": [
            {
                "name": measure.name,
                "meaning": measure.meaning,
                "unit": measure.unit,
                "format": measure.format,
                "kind": measure.kind,
                "type": measure.type,
                "approximate": measure.approximation,
            }
            for measure in MEASURES.values()
        ],
        "dimensions": [
            {
                "name": dimension.name,
                "meaning": dimension.meaning,
                "type": dimension.type,
                "groups": dimension.groups,
            }
            for dimension in DIMENSIONS.values()
        ]
        + [
            {
                "name": f"{TAG_PREFIX}<key>",
                "meaning": "The value of a tag; empty without it.",
                "type": "string",
                "groups": True,
            }
        ],
        "granularities": list(GRANULARITIES),
        "comparisons": list(COMPARISONS),
    }
