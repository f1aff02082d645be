"""Every SELECT of the product: one file per question, composed over `merged_runs`, parameters bound by the server.

A question about runs cannot be asked without a `RunScope`, and so not without the workspaces it may see.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources

from runtally_clickhouse.client import Reader, Row, Unmerged

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_INSTANT = datetime(2015, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(2101, 1, 1, tzinfo=UTC)
# A cut-off before every run: who does not tell stalled runs from running ones has no other.
NOBODY_STALLED_MS = 0
# What a question may read beside `merged_runs`, each a file of its own.
_RELATIONS = ("listed_runs", "rows_in_range")
_PLACEHOLDER = re.compile(r"\{(\w+):[\w(), ']+\}")


class RunQuestion(StrEnum):
    """The questions about single runs; each value is the stem of its file. measures/ has those that cells answer."""

    DATA_RANGE = "data_range"
    DRAWN_RUNS = "drawn_runs"
    FEEDBACK_NEWEST_FIRST = "feedback_newest_first"
    LISTED_RUNS_BY_STEP = "listed_runs_by_step"
    RUNS_BY_ID = "runs_by_id"
    RUNS_NEWEST_FIRST = "runs_newest_first"
    SPLIT_RUNS = "split_runs"
    USAGE_BY_DAY = "usage_by_day"
    USAGE_TOTALS = "usage_totals"


# Those whose rows say whether a run has stalled.
_SHOW_RUNS = frozenset({RunQuestion.DRAWN_RUNS, RunQuestion.RUNS_BY_ID, RunQuestion.RUNS_NEWEST_FIRST})


@dataclass(frozen=True, slots=True)
class RunFilters:
    """The filters of every GET. An empty tuple does not filter; several values mean any of them."""

    workspace_id: tuple[str, ...] = ()
    agent_id: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    user_id: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    root_only: bool = False


@dataclass(frozen=True, slots=True)
class RunScope:
    """Which runs a question is about. `workspaces` is what the asker may see; None is all, in open mode.

    The range is half-open. A run still `running` that started before `stalled_before` counts as stalled.
    """

    workspaces: frozenset[str] | None
    stalled_before: datetime
    start: datetime = FIRST_INSTANT
    end: datetime = LAST_INSTANT
    filters: RunFilters = field(default_factory=RunFilters)

    def without_range(self) -> "RunScope":
        """The same runs whenever they started."""
        return replace(self, start=FIRST_INSTANT, end=LAST_INSTANT)

    def parameters(self) -> dict[str, object]:
        """The parameters of `merged_runs.sql`."""
        filters = self.filters
        return {
            "sees_all_workspaces": int(self.workspaces is None),
            "visible_workspaces": sorted(self.workspaces or ()),
            "from_ms": unix_ms(self.start),
            "to_ms": unix_ms(self.end),
            "stalled_before_ms": unix_ms(self.stalled_before),
            "workspace_ids": list(filters.workspace_id),
            "agent_ids": list(filters.agent_id),
            "models": list(filters.model),
            "statuses": list(filters.status),
            "user_ids": list(filters.user_id),
            "environments": list(filters.environment),
            "root_only": int(filters.root_only),
        }


def tells_stalled(statuses: Collection[object]) -> bool:
    """Whether a filter of these statuses tells running runs that have stalled from those that have not."""
    return "running" in statuses or "stalled" in statuses


def unix_ms(instant: datetime) -> int:
    """Unix milliseconds, cut to the millisecond; how instants travel to the store."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def ask(
    reader: Reader, question: RunQuestion, scope: RunScope, parameters: Mapping[str, object] | None = None
) -> list[Row]:
    """The answer to a question about the runs of `scope`. Blocks; raises as `Reader.query`."""
    text = query_text(question)
    relations = ["merged_runs", *(name for name in _RELATIONS if f"FROM {name}" in text)]
    sql = "WITH " + ",\n".join(f"{name} AS (\n{query_text(name)}\n)" for name in relations) + f"\n{text}"
    bound = {**scope.parameters(), **(parameters or {})}
    statuses = scope.filters.status
    if not (tells_stalled(statuses) if statuses else question in _SHOW_RUNS):
        bound["stalled_before_ms"] = NOBODY_STALLED_MS
    if placeholders(sql) != set(bound):
        raise TypeError(f"{question}: parameters {sorted(placeholders(sql) ^ set(bound))} are missing or unknown")
    return reader.query(sql, bound)


def stored_rows(store: Unmerged, scope: RunScope) -> Row:
    """The rows of runs that lie in the store, whenever they started: stored_rows, deleted_runs.

    Counted one after the other: a batch that comes in between is in some of them. Blocks; raises as `Store.unmerged`.
    """
    bound = {name: scope.parameters()[name] for name in ("sees_all_workspaces", "visible_workspaces")}
    return store.unmerged(query_text("stored_rows"), bound)[0]


def data_as_of(reader: Reader) -> datetime | None:
    """When the store last acknowledged a batch, None in an empty store. Ask it before the answer it describes."""
    acknowledged: datetime | None = reader.query(query_text("data_as_of"), {})[0]["data_as_of"]
    return acknowledged.replace(tzinfo=UTC) if acknowledged else None


def ingested_ranges(
    reader: Reader, stream: str, topic: str, first_offsets: Mapping[int, int]
) -> dict[int, list[tuple[int, int]]]:
    """What the ledger has of each partition from an offset on: stretches (first, last) without gaps, in order."""
    partitions = sorted(first_offsets)
    rows = reader.query(
        query_text("ingested_offsets"),
        {
            "stream": stream,
            "topic": topic,
            "partitions": partitions,
            "first_offsets": [first_offsets[partition] for partition in partitions],
            "last_offsets": [2**63 - 1] * len(partitions),
        },
    )
    found: dict[int, list[tuple[int, int]]] = {partition: [] for partition in partitions}
    for row in rows:
        found[row["partition"]].append((row["first"], row["last"]))
    return found


def all_ingested(reader: Reader, stream: str, topic: str, offsets: Mapping[int, Sequence[int]]) -> bool:
    """Whether the store has acknowledged every one of these offsets, given by partition."""
    partitions = sorted(offsets)
    rows = reader.query(
        query_text("ingested_offsets"),
        {
            "stream": stream,
            "topic": topic,
            "partitions": partitions,
            "first_offsets": [min(offsets[partition]) for partition in partitions],
            "last_offsets": [max(offsets[partition]) for partition in partitions],
        },
    )
    covered: dict[int, list[range]] = {}
    for row in rows:
        covered.setdefault(row["partition"], []).append(range(row["first"], row["last"] + 1))
    return all(
        any(offset in ingested for ingested in covered.get(partition, ()))
        for partition, wanted in offsets.items()
        for offset in wanted
    )


def ledger_ranges(reader: Reader) -> list[Row]:
    """The ranges of the ledger, in order, those that lie end to end folded into one."""
    return reader.query(query_text("ledger_ranges"), {})


@dataclass(frozen=True, slots=True)
class DeadLetterFilters:
    """Which dead letters. An empty tuple does not filter; several values mean any of them."""

    streams: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    partitions: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()
    fields: tuple[str, ...] = ()
    since: datetime = FIRST_INSTANT


def dead_letters(reader: Reader, filters: DeadLetterFilters, limit: int) -> list[Row]:
    """The dead letters, newest first, without their values."""
    bound = {
        "streams": list(filters.streams),
        "topics": list(filters.topics),
        "partitions": list(filters.partitions),
        "offsets": list(filters.offsets),
        "fields": list(filters.fields),
        "since_ms": unix_ms(filters.since),
        "limit": limit,
    }
    return reader.query(query_text("dead_letters_newest_first"), bound)


def dead_letter_values(reader: Reader, places: Sequence[tuple[str, str, int, int]]) -> list[Row]:
    """What the store keeps of the letters at these (stream, topic, partition, offset), in order."""
    names = ("streams", "topics", "partitions", "offsets")
    columns = zip(*places, strict=True) if places else ((),) * len(names)
    bound = {name: list(column) for name, column in zip(names, columns, strict=True)}
    return reader.query(query_text("dead_letter_values"), bound)


@cache
def query_text(name: str) -> str:
    """The SQL of a query file without its comments."""
    text = (resources.files("runtally_clickhouse") / "queries" / f"{name}.sql").read_text()
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


def placeholders(sql: str) -> set[str]:
    """The names of the parameters that the server binds in `sql`."""
    return set(_PLACEHOLDER.findall(sql))
