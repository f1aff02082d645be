"""The rows of an answer as CSV, NDJSON, Arrow or Parquet; which of them an Accept header asks for. Pure."""

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from runtally_clickhouse.measures.asking import Answer

from runtally_api.query_answers import columns, rows

JSON: Final = "application/json"
CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
ARROW: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"
FORMATS: Final = (JSON, CSV, NDJSON, ARROW, PARQUET)
_INT64 = 2**63
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def chosen_format(accept: str | None) -> str | None:
    """The format that the header likes best, JSON where it likes several or is not there; None when it has none."""
    wanted: list[tuple[float, int, str]] = []
    for place, entry in enumerate((accept or "*/*").split(",")):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = _quality(parameters)
        found = next((kind for kind in FORMATS if name in (kind, f"{kind.partition('/')[0]}/*", "*/*")), None)
        if found and quality > 0:
            wanted.append((-quality, place, found))
    return min(wanted)[2] if wanted else None


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def encoded(answer: Answer, media_type: str, meta: dict[str, Any]) -> bytes:
    """The rows in a format other than JSON. Arrow and Parquet carry `meta` in the metadata of their schema."""
    encoders: dict[str, Callable[[], bytes]] = {
        CSV: lambda: _csv(answer),
        NDJSON: lambda: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(answer)).encode(),
        ARROW: lambda: _arrow(answer, meta),
        PARQUET: lambda: _parquet(answer, meta),
    }
    return encoders[media_type]()


def _flat(answer: Answer) -> list[dict[str, Any]]:
    """Rows of plain values: what is compared in columns of its own."""
    found = []
    for row in rows(answer):
        then, change = row.pop("compare", None), row.pop("change", None)
        row |= {f"compare_{name}": value for name, value in (then or {}).items()}
        row |= {f"change_{name}": value for name, value in (change or {}).items()}
        found.append(row)
    return found


def _types(answer: Answer) -> dict[str, str]:
    """The type of each column of the flat rows, in order."""
    types = {column["name"]: column["type"] for column in columns(answer)}
    if answer.compared is None:
        return types
    compared = {name: kind for name, kind in types.items() if name in answer.totals or name == "time"}
    return {
        **types,
        **{f"compare_{name}": kind for name, kind in compared.items()},
        **{f"change_{name}": "number" for name in answer.totals},
    }


def _csv(answer: Answer) -> bytes:
    names = list(_types(answer))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(row[name]) for name in names] for row in _flat(answer))
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Empty for null; text that a spreadsheet would run as a formula is quoted with an apostrophe."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value


def _table(answer: Answer, meta: dict[str, Any]) -> pa.Table:
    flat = _flat(answer)
    zone = answer.question.steps.zone.key
    arrays, fields = [], []
    for name, kind in _types(answer).items():
        values = [row[name] for row in flat]
        array = _array(values, kind, zone)
        arrays.append(array)
        fields.append(pa.field(name, array.type))
    metadata = {"runtally": json.dumps(meta, ensure_ascii=False)}
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=metadata))


def _array(values: list[Any], kind: str, zone: str) -> pa.Array:
    match kind:
        case "datetime":
            return pa.array([value and datetime.fromisoformat(value) for value in values], pa.timestamp("ms", zone))
        case "decimal":
            return pa.array([None if value is None else Decimal(value) for value in values], pa.decimal128(38, 9))
        case "boolean":
            return pa.array(values, pa.bool_())
        case "number":
            return pa.array(values, pa.float64())
        case "integer":
            fits = all(value is None or abs(value) < _INT64 for value in values)
            return pa.array(values, pa.int64() if fits else pa.decimal128(38, 0))
    return pa.array(values, pa.string())


def _arrow(answer: Answer, meta: dict[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    table = _table(answer, meta)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _parquet(answer: Answer, meta: dict[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(_table(answer, meta), sink)
    return bytes(sink.getvalue())
