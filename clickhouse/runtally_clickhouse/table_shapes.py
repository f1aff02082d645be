"""What the tables are, and where that differs from what the migrations make. Pure.

`schema.sql` says what the migrations make, as the engine itself describes it (`migrations.describe_schema`); a test
holds it to the migrations. So both sides are read by the same parser.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from runtally_clickhouse.findings import Finding, error, warning

_HEAD: Final = re.compile(r"CREATE TABLE (?:\w+\.)?`?(\w+)`?[^\n]*\n\(\n(.*?)\n\)\n", re.DOTALL)
_CLAUSE: Final = re.compile(
    r"^(ENGINE =|PARTITION BY|PRIMARY KEY|ORDER BY|SAMPLE BY|TTL|SETTINGS|COMMENT)", re.MULTILINE
)
_ELEMENT: Final = re.compile(r",?(?:^|\n) {4}(?=\S)")
_NO_MATTER: Final = re.compile(r"\s+(?:CODEC\(.*\)|COMMENT '.*')")
_WINDOWS: Final = ("non_replicated_deduplication_window", "replicated_deduplication_window")
# A merge that cleans up drops tombstones and the versions below: a replay would bring the older ones back.
_CLEANUPS: Final = (
    "allow_experimental_replacing_merge_with_cleanup",
    "enable_replacing_merge_with_cleanup_for_min_age_to_force_merge",
)
_RESTORE: Final = "rename it, make it anew (a fresh database and `runtally migrate`), copy the rows with INSERT SELECT"


@dataclass(frozen=True, slots=True)
class TableShape:
    """What exactness rests on: how versions merge, by which key, and what may remove rows. Without blanks."""

    engine: str
    arguments: str
    partition: str
    order: str
    ttl: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    projections: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = f" PARTITION BY {self.partition}" if self.partition else ""
        return f"{self.engine}({self.arguments}){by} ORDER BY ({self.order})"

    @property
    def merging(self) -> tuple[str, str, str, str]:
        """By what rows merge."""
        return self.engine, self.arguments, self.partition, self.order


def described_shapes(text: str) -> dict[str, TableShape]:
    """The tables of statements as `formatQuery` gives them, by name; views and the like are left out.

    A replicated engine counts as the plain one: its first two arguments are its own.
    """
    shapes = {}
    for statement in re.split(r"^(?=CREATE )", text, flags=re.MULTILINE):
        if head := _HEAD.match(statement):
            columns, projections = _elements(head[2])
            clauses = _clauses(statement[head.end() :])
            engine = re.match(r"(\w+)\s*(?:\((.*)\))?", clauses.get("ENGINE =", ""), re.DOTALL)
            arguments = [one.strip() for one in (engine[2] or "" if engine else "").split(",")]
            shapes[head[1]] = TableShape(
                engine=re.sub(r"^(Replicated|Shared)", "", engine[1]) if engine else "",
                arguments=",".join(_plain(one) for one in arguments if not one.startswith("'")),
                partition=_plain(clauses.get("PARTITION BY", "")),
                order=_plain(clauses.get("ORDER BY", "")),
                ttl=" ".join(clauses.get("TTL", "").split()),
                columns=columns,
                settings=dict(
                    (name.strip(), value.strip())
                    for name, _, value in (one.partition("=") for one in clauses.get("SETTINGS", "").split(","))
                    if name.strip()
                ),
                projections=projections,
            )
    return shapes


def expected_shapes() -> dict[str, TableShape]:
    """The tables that all migrations of this version leave behind."""
    return described_shapes((resources.files("runtally_clickhouse") / "schema.sql").read_text())


def compare_shapes(
    name: str, actual: TableShape, expected: TableShape, *, up_to_date: bool = True
) -> Iterator[Finding]:
    """Where one table differs in a way that matters. `up_to_date` false: columns may still come by a migration."""
    if actual.engine == "Distributed":
        return
    if actual.merging != expected.merging:
        yield error("tables", f"{name} is {actual}, expected {expected}", _RESTORE)
        return
    if actual.ttl != expected.ttl:
        message = f"{name} has TTL {actual.ttl}: what it removes is missing, and a replay brings older versions back"
        yield error("tables", message, f"`ALTER TABLE {name} REMOVE TTL`, then `runtally replay` of what is missing")
    if up_to_date:
        yield from _compare_columns(name, actual, expected)
    for setting in _WINDOWS:
        if actual.settings.get(setting) != expected.settings.get(setting):
            message = f"{name} has {setting} = {actual.settings.get(setting, 'the default')}: equal blocks could vanish"
            yield error("tables", message, f"`ALTER TABLE {name} MODIFY SETTING {setting} = 0`")
    for setting in _CLEANUPS:
        if actual.settings.get(setting, "0") not in ("0", "false"):
            message = f"{name} has {setting} = {actual.settings[setting]}: a replay would bring deleted runs back"
            yield error("tables", message, f"`ALTER TABLE {name} RESET SETTING {setting}`")
    for projection in actual.projections:
        message = f"{name} has projection {projection}: it may answer without merging"
        yield error("tables", message, f"`ALTER TABLE {name} DROP PROJECTION {projection}`")


def _compare_columns(name: str, actual: TableShape, expected: TableShape) -> Iterator[Finding]:
    for column, wanted in expected.columns.items():
        found = actual.columns.get(column)
        if found is None:
            yield error("tables", f"{name} lacks column {column}", f"`ALTER TABLE {name} ADD COLUMN {column} {wanted}`")
        elif found != wanted:
            message = f"{name}: column {column} is {found}, expected {wanted}"
            yield error("tables", message, f"`ALTER TABLE {name} MODIFY COLUMN {column} {wanted}`")
    if others := sorted(actual.columns.keys() - expected.columns.keys()):
        message = f"{name} has columns that are not Runtally's: {', '.join(others)}"
        yield warning("tables", message, "give each a default, and no name that a later version may take")


def _elements(body: str) -> tuple[dict[str, str], tuple[str, ...]]:
    columns, projections = {}, []
    for element in _ELEMENT.split(body):
        if column := re.match(r"`(\w+)` (.*)", element, re.DOTALL):
            columns[column[1]] = _NO_MATTER.sub("", " ".join(column[2].split()))
        elif projection := re.match(r"PROJECTION `?(\w+)", element):
            projections.append(projection[1])
    return columns, tuple(projections)


def _clauses(text: str) -> dict[str, str]:
    parts = _CLAUSE.split(text.strip().rstrip(";"))
    return {name: value.strip() for name, value in zip(parts[1::2], parts[2::2], strict=True)}


def _plain(text: str) -> str:
    text = re.sub(r"[\s`]", "", text)
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return "" if text == "tuple()" else text


def statement_rows(rows: list[dict[str, Any]]) -> dict[str, TableShape]:
    """The shapes of rows of the query `table_statements`; a table that cannot be read so has an empty shape."""
    shapes = {}
    for row in rows:
        made = described_shapes(str(row["statement"]))
        shapes[str(row["name"])] = made.get(str(row["name"]), TableShape(str(row["engine"]), "", "", ""))
    return shapes
