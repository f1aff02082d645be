"""What the tables must be, read out of the migrations, so that it is said once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from runtally_clickhouse.migrations import Migration, Target

_NAME: Final = r"(?:IF (?:NOT )?EXISTS )?`?(\w+)`?"
_CREATE: Final = re.compile(rf"CREATE TABLE {_NAME}")
_DROP: Final = re.compile(rf"DROP TABLE {_NAME}")
_ENGINE: Final = re.compile(r"\bENGINE\s*=\s*(\w+)\s*(\([^)]*\))?")
_PARTITION: Final = re.compile(r"\bPARTITION BY\s+(.+?)\s*(?=\bORDER BY|\bPRIMARY KEY|\bSETTINGS|\bTTL|$)", re.DOTALL)
_ORDER: Final = re.compile(r"\bORDER BY\s+(.+?)\s*(?=\bSETTINGS|\bTTL|\bPARTITION BY|\bPRIMARY KEY|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TableShape:
    """What exactness rests on: how versions merge, and by which key. Blanks and backticks left out."""

    engine: str
    arguments: str
    partition: str
    order: str

    def __str__(self) -> str:
        by = f" PARTITION BY {self.partition}" if self.partition else ""
        return f"{self.engine}({self.arguments}){by} ORDER BY ({self.order})"


def expected_shapes(migrations: Sequence[Migration]) -> dict[str, TableShape]:
    """The tables that these migrations leave behind."""
    shapes: dict[str, TableShape] = {}
    for statement in (text for migration in migrations for text in migration.statements(Target())):
        if dropped := _DROP.match(statement):
            shapes.pop(dropped[1], None)
        elif (created := _CREATE.match(statement)) and (engine := _ENGINE.search(statement)):
            rest = statement[engine.end() :]
            shapes[created[1]] = TableShape(
                engine[1], _plain(engine[2] or ""), _plain(_first(_PARTITION, rest)), _plain(_first(_ORDER, rest))
            )
    return shapes


def actual_shape(row: dict[str, Any]) -> TableShape:
    """A row of `system.tables`. A replicated engine counts as the plain one: its first two arguments are its own."""
    engine = str(row["engine"])
    plain = re.sub(r"^(Replicated|Shared)", "", engine)
    given = re.match(r"\w+\s*\(([^)]*)\)", str(row["engine_full"]))
    arguments = [one for one in _plain(given[1] if given else "").split(",") if not one.startswith("'")]
    return TableShape(plain, ",".join(arguments), _plain(row["partition_key"]), _plain(row["sorting_key"]))


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _plain(text: str) -> str:
    text = re.sub(r"[\s`]", "", text)
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return "" if text == "tuple()" else text
