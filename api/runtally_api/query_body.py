"""The body of `POST /api/v1/query`, and the question that it means: every name checked against the catalogue."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from difflib import get_close_matches
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from runtally_clickhouse.measures.definitions import MEASURES
from runtally_clickhouse.measures.dimensions import DIMENSIONS, Dimension, find_dimension
from runtally_clickhouse.measures.question import OPERATORS, TIME, Filter, Operator, Order, Question
from runtally_clickhouse.measures.time_steps import (
    COMPARISONS,
    GRANULARITIES,
    Comparison,
    Granularity,
    fitting_granularity,
)

from runtally_api.problems import ChoiceError, FieldError, InvalidQuery
from runtally_api.ranges import TimeRange, resolve_range
from runtally_api.saved_questions import bounded_steps

DIRECTIONS = ("asc", "desc")
MOST_TEXT = 20_000  # at most twelve bytes a character in a URL, of which the store takes a megabyte
_MONEY_STEP = Decimal("0.000000001")
_EXACT = Context(prec=28, traps=[Inexact, InvalidOperation])
_GROUPING = tuple(name for name, dimension in DIMENSIONS.items() if dimension.groups)


def _one_of(names: Iterable[str]) -> dict[str, list[str]]:
    return {"enum": list(names)}


class QueryTime(BaseModel):
    """The range, as everywhere; and the steps of a time series."""

    model_config = ConfigDict(extra="forbid")

    from_: Annotated[
        str | None, Field(alias="from", description="Instant, local date, or -24h, -7d, -30d.", examples=["-30d"])
    ] = None
    to: Annotated[str | None, Field(description="As `from`; a date includes its day.")] = None
    granularity: Annotated[str, Field(json_schema_extra=_one_of(GRANULARITIES))] = "none"
    timezone: Annotated[str, Field(description="IANA name.", examples=["Europe/Berlin"])] = "UTC"


class QueryFilter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dimension: Annotated[str, Field(description="A dimension, or `tag:` and a key.", examples=["status"])]
    op: Annotated[str, Field(json_schema_extra=_one_of(OPERATORS))] = "in"
    values: Annotated[list[str | bool | int | float], Field(min_length=1, max_length=1000)]


class QueryOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: Annotated[str, Field(description="A measure or dimension of the question, or `time`.", examples=["runs"])]
    direction: Annotated[str, Field(json_schema_extra=_one_of(DIRECTIONS))] = "desc"


class QueryBody(BaseModel):
    """A question: measures by dimensions."""

    model_config = ConfigDict(extra="forbid")

    measures: Annotated[list[str], Field(min_length=1, max_length=100, examples=[["runs", "cost_usd"]])]
    dimensions: Annotated[list[str], Field(max_length=8, examples=[["agent_id"]])] = []
    time: QueryTime = QueryTime()
    filters: Annotated[list[QueryFilter], Field(max_length=50)] = []
    root_only: Annotated[bool, Field(description="Leave out the runs that another run started.")] = False
    order: Annotated[list[QueryOrder], Field(max_length=10)] = []
    limit: Annotated[int, Field(ge=1, le=10_000, description="Groups told apart, over the whole range.")] = 100
    other: Annotated[bool, Field(description="Whether the rest is shown as one group.")] = True
    compare: Annotated[str | None, Field(description=f"One of {', '.join(COMPARISONS)}.")] = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A question and the range that it is about."""

    question: Question
    time: TimeRange


def resolve_query(body: QueryBody, now: datetime, longest: timedelta, most_rows: int) -> Resolved:
    """The question that the body means at `now`. Raises `InvalidQuery` with everything that is wrong with it."""
    errors = [error for error in _name_errors(body) if error]
    errors += [error for place, entry in enumerate(body.filters) for error in _filter_errors(entry, place)]
    errors += [error for place, entry in enumerate(body.order) for error in _order_errors(body, entry, place)]
    if sum(len(str(value)) for entry in body.filters for value in entry.values) > MOST_TEXT:
        errors.append(FieldError("filters", "too much text", f"send at most {MOST_TEXT} characters of values"))
    if errors:
        raise InvalidQuery(*errors)
    time = resolve_range(body.time.from_, body.time.to, body.time.timezone, now, longest)
    granularity = _granularity(body, time)
    steps = bounded_steps(time, granularity, most_rows, "time.granularity")
    question = Question(
        measures=tuple(dict.fromkeys(body.measures)),
        steps=steps,
        dimensions=tuple(dict.fromkeys(name for name in body.dimensions if name != TIME)),
        filters=tuple(_filter(entry) for entry in body.filters),
        order=tuple(Order(entry.by, entry.direction == "desc") for entry in body.order),
        limit=body.limit,
        other=body.other,
        compare=_comparison(body.compare),
    )
    return Resolved(question, time)


def _granularity(body: QueryBody, time: TimeRange) -> Granularity:
    name = body.time.granularity
    if name == "auto" or (name == "none" and TIME in body.dimensions):
        return fitting_granularity(time.start, time.end)
    return name  # type: ignore[return-value] # checked by _name_errors


def _comparison(name: str | None) -> Comparison | None:
    return next((comparison for comparison in COMPARISONS if comparison == name), None)


def _name_errors(body: QueryBody) -> Iterable[FieldError | None]:
    for place, name in enumerate(body.measures):
        yield _choice(f"measures[{place}]", "measure", name, MEASURES)
    for place, name in enumerate(body.dimensions):
        if name != TIME and not _is_tag(name):
            yield _choice(f"dimensions[{place}]", "dimension", name, (*_GROUPING, TIME))
        elif not _is_storable(name):
            yield FieldError(f"dimensions[{place}]", "is not Unicode text", "send text without lone surrogates")
    yield _choice("time.granularity", "granularity", body.time.granularity, GRANULARITIES)
    if body.compare is not None:
        yield _choice("compare", "comparison", body.compare, COMPARISONS)


def _filter_errors(entry: QueryFilter, place: int) -> list[FieldError]:
    field = f"filters[{place}]"
    if not _is_tag(entry.dimension) and (
        error := _choice(f"{field}.dimension", "dimension", entry.dimension, DIMENSIONS)
    ):
        return [error]
    if error := _choice(f"{field}.op", "operator", entry.op, OPERATORS):
        return [error]
    dimension = _dimension(entry)
    if entry.op == "contains" and dimension.type != "string":
        return [FieldError(f"{field}.op", f"{dimension.name} is no text", "send in, not_in, gte or lt")]
    if entry.op in ("gte", "lt") and len(entry.values) != 1:
        return [FieldError(f"{field}.values", f"{entry.op} takes one value", "send one value")]
    found = []
    if not _is_storable(entry.dimension):
        found.append(FieldError(f"{field}.dimension", "is not Unicode text", "send text without lone surrogates"))
    for index, value in enumerate(entry.values):
        if _stored(dimension, value) is None:
            remedy = f"send {_WANTED[dimension.type]}"
            found.append(FieldError(f"{field}.values[{index}]", f"is no value of {dimension.name}", remedy))
    return found


def _order_errors(body: QueryBody, entry: QueryOrder, place: int) -> list[FieldError]:
    allowed = [*body.measures, *body.dimensions]
    if "agent_id" in body.dimensions:
        allowed.append("workspace_id")
    if body.time.granularity != "none":
        allowed.append(TIME)
    errors = [
        _choice(f"order[{place}].by", "order", entry.by, allowed),
        _choice(f"order[{place}].direction", "direction", entry.direction, DIRECTIONS),
    ]
    return [error for error in errors if error]


def _choice(field: str, kind: str, name: str, allowed: Iterable[str]) -> ChoiceError | None:
    names = tuple(allowed)
    if name in names:
        return None
    nearest = next(iter(get_close_matches(name[:60], names, 1, 0.4)), None)
    remedy = f"send {nearest}" if nearest else f"send one of {', '.join(names[:10])}"
    return ChoiceError(field, f"unknown {kind} '{name[:60]}'", remedy, names, nearest)


def _is_tag(name: str) -> bool:
    return name not in DIMENSIONS and find_dimension(name, "") is not None


def _dimension(entry: QueryFilter) -> Dimension:
    dimension = find_dimension(entry.dimension, "")
    assert dimension is not None
    return dimension


_WANTED = {
    "string": "Unicode text",
    "integer": "a whole number, 64 bits at most",
    "boolean": "true or false",
    "number": "a number",
    "decimal": "a number or its text, below 10^9, with nine decimals at most",
}


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _stored(dimension: Dimension, value: str | bool | int | float) -> str | int | float | None:
    """The value as the store compares it; None when the dimension has no such value."""
    if dimension.type == "string":
        return value if isinstance(value, str) and _is_storable(value) else None
    if dimension.type == "boolean":
        return int(value) if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if dimension.type == "integer":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return int(value) if whole and abs(int(value)) < 2**63 else None
    return _decimal_text(value)


def _decimal_text(value: str | int | float) -> str | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or number.copy_abs() >= 10**9:
        return None
    try:
        # Exact or not at all: formatting as sent would write out "0e-999999999" as a gigabyte of zeros.
        return f"{number.quantize(_MONEY_STEP, context=_EXACT):f}"
    except (Inexact, InvalidOperation):
        return None


def _filter(entry: QueryFilter) -> Filter:
    dimension = _dimension(entry)
    values: Sequence[str | int | float | None] = [_stored(dimension, value) for value in entry.values]
    operator: Operator = next(name for name in OPERATORS if name == entry.op)
    return Filter(entry.dimension, operator, tuple(value for value in values if value is not None))
