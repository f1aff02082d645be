"""The shapes of answers that hold measures: their fields, types and descriptions are the catalogue's.

These models are made from lists of names, so they serve as `response_model`; no code of ours holds one.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, create_model
from runtally_clickhouse.measures.definitions import MEASURES, STATUSES

from runtally_api.answers import Answer, Instant, Meta, Money, StatusCounts

Change = dict[str, float | None]


class NamedMeta(Meta):
    """`meta` as everywhere, and which of the answer's measures are not exact."""

    approximate: Annotated[dict[str, str], Field(description="How far off each may be.")]


def shape(name: str, doc: str = "", **fields: Any) -> type[Answer]:
    """An answer of these fields, all of them always there."""
    definitions: Any = {field: (kind, ...) for field, kind in fields.items()}
    return create_model(name, __base__=Answer, __doc__=doc or None, **definitions)


def measured(name: str, measures: Sequence[str], doc: str = "", **fields: Any) -> type[Answer]:
    """An answer of these fields and the measures, of which the counts of all statuses are one object."""
    own = dict(fields)
    whole = set(measures) >= set(STATUSES)
    for measure in measures:
        if whole and measure in STATUSES:
            own["status_counts"] = StatusCounts
        else:
            own[measure] = measure_type(measure)
    return shape(name, doc, **own)


def compared(name: str, measures: Sequence[str]) -> dict[str, Any]:
    """The fields of a row that is compared with another period."""
    return {"compare": measured(f"{name}Then", measures), "change": Change}


def measure_type(name: str) -> Any:
    """The type of a measure's value, null where there is nothing to compute."""
    measure = MEASURES[name]
    described = Field(description=measure.meaning)
    if measure.type == "decimal":
        return Annotated[Money, described]
    if measure.type == "datetime":
        return Annotated[Instant | None, described]
    kind: Any = int if measure.type == "integer" else float
    always_known = measure.kind in ("count", "distinct")
    return Annotated[kind if always_known else kind | None, described]
