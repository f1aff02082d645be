"""The relations that a question reads, as common table expressions with no column more than it needs. Pure.

The engine would leave the unused columns out by itself, but it takes longer to find them than to read the rest.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.rollup_levels import QUARTER_HOUR, RollupLevel

CHOICE_PREFIX = "chosen_"
STATE = "state"
UNION = "\nUNION ALL\n"
# By which state_first.py finds them again.
END_OF_FACTS = " /* facts */"
# Values are parameters, so the texts of most questions are few. Working one out takes a millisecond or two.
_MOST_TEXTS = 1_000
ERROR_RUNS = "merged_error_runs"
HANDED_OFF = "handed_off_runs"
# Unions of rolled-up cells and merged runs: only who names them reads them.
FACTS = ("run_facts", "session_facts")
_LAYERS = (HANDED_OFF, *FACTS, "run_cells", ERROR_RUNS, "merged_runs")
_WORD = re.compile(r"[A-Za-z_]\w*")
_ITEM = re.compile(r"\n    (?=\S)(?!\))")
# What `*` stands for, as far as the catalogue names it.
_COLUMNS_OF_RUNS = frozenset(
    {
        *("workspace_id", "run_id", "external_id", "started_at", "updated_at", "finished_at", "handed_off_at"),
        *("agent_id", "agent_name", "agent_version", "status", "duration_ms", "queue_ms", "provider", "model"),
        *("environment", "trigger", "user_id", "session_id", "trace_id", "parent_run_id", "input_tokens"),
        *("output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "total_tokens", "has_tokens"),
        *("cost_usd", "cost_source", "price_version", "credits", "llm_calls", "tool_calls", "files_modified"),
        *("retries", "error_type", "error_severity", "error_category", "recovered", "recovery_ms", "tags"),
        *("is_stalled", "version"),
    }
)
# A filter of merged_runs.sql or run_facts.sql: on a line of its own, or to the closing bracket on one.
_CONDITION = re.compile(
    r"\n    AND \((?:\n        )?(?:empty\(\{(?P<list>\w+):Array\(String\)\}\)|\{(?P<flag>\w+):UInt8\} = (?P<off>[01]))"
    r"(?: OR [^\n]*\)(?=\n)|\n        OR .*?\n    \)(?=\n))",
    re.DOTALL,
)
_ALWAYS = frozenset({"workspace_id", "run_id", "started_at"})
# Where the scalar of bucket_state.sql has the buckets of each level.
STATE_PLACES = {"quarter_hour": 1, "raw": 2, "hour": 3, "day": 4}


def relation_tables(
    reading: str, *, for_choice: bool, wide: Sequence[RollupLevel] = (), only_errors: bool = False
) -> list[str]:
    """The definition of each relation that a statement reads by name, in the order of their use.

    Facts come out of cells of the `wide` levels, too: the statement must ask nothing that these leave out.
    With `only_errors`, `run_cells` are of runs with errors alone: the statement must let no others pass.
    With `for_choice` they are the same relations over the range whose groups are chosen, by names with a prefix.
    """
    prefix = CHOICE_PREFIX if for_choice else ""
    tables: list[tuple[str, str]] = []
    text = reading
    if f"FROM {prefix}followed_handoffs" in reading:
        tables.append(("followed_handoffs", query_text("followed_handoffs")))
        text += query_text("followed_handoffs")
    for name in _LAYERS:
        if name in (HANDED_OFF, *FACTS) and f"FROM {prefix}{name}" not in reading and f"FROM {name}" not in text:
            continue
        if name == ERROR_RUNS and not only_errors:
            continue
        if name == HANDED_OFF:
            layer = query_text("handed_off_of_sessions" if f"FROM {prefix}session_facts" in reading else name)
        else:
            layer = _pruned(_layer(name, wide, only_errors=only_errors), text)
        tables.append((name, layer))
        text += tables[-1][1].partition(UNION)[0]
    if {*FACTS, ERROR_RUNS} & set(dict(tables)):
        tables.append((STATE, query_text("bucket_state")))
    found = [(name, _for_choice(table) if for_choice else table) for name, table in reversed(tables)]
    found = [(f"{prefix}{name}", table) for name, table in found]
    if "ratings_by_run" in reading and not for_choice:
        found.append(("ratings_by_run", query_text("ratings_by_run")))
    return [_defined(name, table) for name, table in found]


def error_runs_hold(parts: str) -> bool:
    """Whether the table of runs with errors has all that these expressions over `run_cells` are made of."""
    if "followed_handoffs" in parts or "ratings_" in parts:
        return False
    read = set(_WORD.findall(_pruned(query_text("run_cells"), parts))) & _COLUMNS_OF_RUNS
    return read <= set(_items(query_text(ERROR_RUNS).partition(UNION)[0]))


def session_facts_hold(parts: str) -> bool:
    """Whether cells of users and sessions have all that these expressions over `run_cells` are made of."""
    columns = _COLUMNS_OF_RUNS | set(_items(query_text("run_cells")))
    return columns & set(_WORD.findall(parts)) <= set(_items(query_text("session_facts").partition(UNION)[0]))


def cells_table(level: RollupLevel, relation: str) -> str:
    """The rolled-up cells of a width that a relation reads; empty where it reads none of that width."""
    return {"run_facts": level.cells, "session_facts": level.session_cells}.get(relation, "")


def state_text(prefix: str) -> str:
    """What the state of the buckets is read by, in statements about the range of that prefix."""
    text = query_text("bucket_state")
    return _for_choice(text) if prefix else text


@lru_cache(maxsize=_MOST_TEXTS)
def without_unread_tables(sql: str) -> str:
    """The statement without the layers that nothing in it reads."""
    for prefix in (CHOICE_PREFIX, ""):
        for layer in _LAYERS:
            name = f"{prefix}{layer}"
            if not re.search(rf"(FROM|JOIN) {name}\b", sql):
                sql = re.sub(
                    rf"(?<![\w]){name} AS \(\n.*?\n\)(?:{re.escape(END_OF_FACTS)})?,\n", "", sql, flags=re.DOTALL
                )
    return sql


def without_idle_conditions(sql: str, parameters: Mapping[str, object]) -> str:
    """The statement without those of its filters that let everything pass, as their parameters have no values."""

    def told(match: re.Match[str]) -> str:
        name = match["list"] or match["flag"]
        is_idle = not parameters[name] if match["list"] else str(parameters[name]) == match["off"]
        return "" if is_idle else match[0]

    return _CONDITION.sub(told, sql)


def _defined(name: str, text: str) -> str:
    """As WITH has it: the state of the buckets is one value, everything else a table."""
    if name.endswith(STATE):
        return f"(\n{text}\n) AS {name}"
    return f"{name} AS (\n{text}\n){END_OF_FACTS if name.endswith(FACTS) else ''}"


def _layer(name: str, wide: Sequence[RollupLevel], *, only_errors: bool) -> str:
    """The text of a relation; rolled-up cells of each level are read as those of quarter hours are."""
    text = query_text(name)
    if name == "run_cells" and only_errors:
        return text.replace("FROM merged_runs", f"FROM {ERROR_RUNS}")
    if name not in FACTS:
        return text
    runs, _, narrow = text.partition(UNION)
    place = f"{STATE}.{STATE_PLACES[QUARTER_HOUR.name]}"
    wider = [
        narrow.replace(f"FROM {cells_table(QUARTER_HOUR, name)}\n", f"FROM {cells_table(level, name)}\n").replace(
            place, f"{STATE}.{STATE_PLACES[level.name]}"
        )
        for level in wide
    ]
    return UNION.join([runs, narrow, *wider])


def _for_choice(text: str) -> str:
    for bound in ("from_ms", "to_ms", "split_hours_ms", "split_days_ms"):
        text = text.replace(f"{{{bound}:", f"{{{CHOICE_PREFIX}{bound}:")
    for table in _LAYERS:
        text = text.replace(f"FROM {table}", f"FROM {CHOICE_PREFIX}{table}")
    return text.replace(f"({STATE}.", f"({CHOICE_PREFIX}{STATE}.")


@cache
def _items(text: str) -> dict[str, str]:
    """The columns of a SELECT, one to a line of four spaces, by their names."""
    listed = text[text.index("SELECT") + len("SELECT") : text.index("\nFROM ")]
    items = [item.strip().rstrip(",") for item in _ITEM.split(listed) if item.strip()]
    return {item.rpartition(" AS ")[2].strip("`"): item for item in items}


@lru_cache(maxsize=_MOST_TEXTS)
def _pruned(text: str, reading: str) -> str:
    """The same SELECT with the columns that are read, and those that these are made of; of a union, each the same."""
    selects = text.split(UNION)
    if len(selects) == 1:
        return _with_columns(text, _needed(text, f"{reading} {_tail(text)}"))
    kept = set[str]().union(*(_needed(select, reading) for select in selects))
    return UNION.join(_with_columns(select, kept) for select in selects)


def _tail(select: str) -> str:
    return select[select.index("\nFROM ") :]


def _needed(select: str, reading: str) -> set[str]:
    """The columns of a SELECT that are read, those that these are made of, and the words beside them."""
    items = _items(select)
    needed = set(_WORD.findall(reading)) | _ALWAYS
    kept: set[str] = set()
    while more := {name for name in items if name in needed} - kept:
        kept |= more
        needed |= {word for name in more for word in _WORD.findall(items[name])}
    return needed


def _with_columns(select: str, needed: set[str]) -> str:
    items = _items(select)
    own = [item for name, item in items.items() if name in needed]
    stars = sorted((needed & _COLUMNS_OF_RUNS) - set(items)) if "*" in items else []
    columns = [f"`{name}`" for name in stars] + own
    return f"SELECT\n    {f',{chr(10)}    '.join(columns)}{_tail(select)}"
