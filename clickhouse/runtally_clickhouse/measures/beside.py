"""What a question adds up beside its cells: sessions, of many runs each, and what few runs have. Pure.

A session's lifespan is no sum over runs: its runs, or cells of them, are grouped first, in each group and step that is
told apart, and then the sessions are added up. Ratings are joined with the runs that have any, and hand-offs in
sessions are looked at one by one; the other runs may come out of cells.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from runtally_clickhouse.measures.grouping import Grouping

# A session is told by 128 bits made of the hashes of both of its names; the workspace's begins with a word of its own,
# or a session named as its workspace would cancel it out. By chance, two of a hundred million share a key once in 10^22
# answers; uniqExact tells names by as many bits. Grouped by the names themselves, the engine takes several times as
# long, and as much memory.
SESSION_KEY = "bitXor(hashed_session, reinterpretAsUInt128(sipHash128Reference('workspace', workspace_id)))"
_OF_SESSION = {
    "lifespan_ms": "max(last_end_ms) - min(first_at_ms) AS lifespan_ms",
    "has_duration": "max(duration_ms_known > 0) AS has_duration",
}
_WORD = re.compile(r"[A-Za-z_]\w*")


class Beside(StrEnum):
    """By what the parts of an answer are counted that cells do not have."""

    SESSIONS = "of_sessions"
    RATINGS = "of_ratings"
    HANDOFFS = "of_handoffs"


@dataclass(frozen=True, slots=True)
class SingleRuns:
    """The runs that a statement is about: what it adds to their columns, which of them count, and how it groups them.
    `prefix` is that of the relations' names.
    """

    columns: tuple[str, ...]
    conditions: tuple[str, ...]
    grouping: Grouping
    prefix: str = ""

    def select(self, relation: str, columns: Sequence[str] = (), conditions: Sequence[str] = ()) -> str:
        """Each run of the relation, with more columns, and narrowed further."""
        every = [*conditions, *self.conditions]
        where = f" WHERE {' AND '.join(every)}" if every else ""
        return f"SELECT {', '.join(['*', *self.columns, *columns])} FROM {relation}{where}"


def beside_of(part: str) -> Beside | None:
    """Where a part is counted; None for what is an aggregate over cells."""
    if "ratings_" in part:
        return Beside.RATINGS
    if "followed_handoffs" in part or "handed_off_at" in part:
        return Beside.HANDOFFS
    return Beside.SESSIONS if _OF_SESSION.keys() & set(_WORD.findall(part)) else None


def with_parts_beside(
    statement: str, columns: Sequence[str], part_names: Mapping[str, str], runs: SingleRuns, relation: str
) -> str:
    """The statement, which has these columns, joined with those of the parts that are counted beside it; sessions are
    those of the relation.
    """
    found = statement
    names = [*columns]
    for beside in Beside:
        own = {part: name for part, name in part_names.items() if beside_of(part) is beside}
        if own:
            text = _text_of(beside, own, runs, relation)
            names += own.values()
            joined = f"(\n{found}\n) AS counted LEFT JOIN (\n{text}\n) AS {beside}"
            found = f"SELECT {', '.join(names)}\nFROM {joined}\nUSING ({', '.join(runs.grouping.names)})"
    return found


def _text_of(beside: Beside, parts: Mapping[str, str], runs: SingleRuns, relation: str) -> str:
    match beside:
        case Beside.SESSIONS:
            return _of_sessions(parts, runs, relation)
        case Beside.RATINGS:
            return _of_ratings(parts, runs)
        case Beside.HANDOFFS:
            return _counted(parts, runs, runs.select(f"{runs.prefix}handed_off_runs"))


def _of_sessions(parts: Mapping[str, str], runs: SingleRuns, relation: str) -> str:
    read = {word for part in parts for word in _WORD.findall(part)}
    columns = [*runs.grouping.labels, *(sql for name, sql in _OF_SESSION.items() if name in read)]
    source = runs.select(f"{runs.prefix}{relation}", [f"{SESSION_KEY} AS session_key"], ["hashed_session != 0"])
    sessions = f"SELECT {', '.join(columns)} FROM ({source}) GROUP BY {runs.grouping.sql('session_key')}"
    names = ", ".join(runs.grouping.names)
    return f"SELECT {names}, {_listed(parts)} FROM ({sessions}) GROUP BY {names}"


def _of_ratings(parts: Mapping[str, str], runs: SingleRuns) -> str:
    named = "(workspace_id, external_id)"
    rated = (
        f"SELECT * FROM {runs.prefix}run_cells WHERE {named} IN (SELECT workspace_id, external_id FROM ratings_by_run)"
    )
    return _counted(parts, runs, runs.select(f"({rated}) AS rated INNER JOIN ratings_by_run USING {named}"))


def _counted(parts: Mapping[str, str], runs: SingleRuns, source: str) -> str:
    columns = f"{', '.join(runs.grouping.labels)}, {_listed(parts)}"
    return f"SELECT {columns} FROM ({source}) GROUP BY {runs.grouping.sql()}"


def _listed(parts: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for sql, name in parts.items())
