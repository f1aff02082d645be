"""What the product finds when it checks itself: the shape of the answer, and the checks made of what was counted."""

from typing import Annotated, Any, Final

from pydantic import Field

from runtally_api.answers import Answer, Instant, Meta

EXAMPLES: Final = 20


class Check(Answer):
    """One thing that was looked at."""

    name: str
    ok: Annotated[bool | None, Field(description="Null where a number is no fault by itself.")]
    value: Annotated[float | None, Field(description="What was found; null when nothing can be told.")]
    meaning: str


class SplitRun(Answer):
    workspace_id: str
    run_id: Annotated[str, Field(description="As given by the producer.")]
    stored_runs: int
    first_started_at: Instant
    last_started_at: Instant


class StoredRows(Answer):
    """Rows of runs as they lie in the store; answers merge them when they are read."""

    rows: int
    runs: int
    deleted_runs: int


class LedgerGap(Answer):
    stream: str
    topic: str
    partition: int
    first_offset: int
    last_offset: int


class LedgerCoverage(Answer):
    streams: int
    partitions: int
    missing_offsets: int
    gaps: Annotated[list[LedgerGap], Field(description=f"The first {EXAMPLES}.")]


class RollupCheck(Answer):
    """Rollups that passed for up to date, compared with their runs in the last 24 hours, a few after the other."""

    compared: Annotated[int, Field(description="Comparisons of a quarter hour, an hour or a day; told once an hour.")]
    drifted: Annotated[list[Instant], Field(description=f"The newest {EXAMPLES} that differed, by their starts.")]


class Integrity(Answer):
    ok: Annotated[bool, Field(description="Whether no check found a fault.")]
    split_runs: Annotated[int, Field(description="Ids given to several runs, by snapshots with different starts.")]
    duplicates_held: Annotated[int, Field(description="Rows beyond one a run, which no merge has folded yet.")]
    ledger_gaps: Annotated[
        int | None, Field(description="Stretches of offsets that no range of the ledger covers; null as `ledger` is.")
    ]
    rollup_drift: Annotated[
        int | None, Field(description="Rollups that were not what their runs say; null when none was compared.")
    ]
    checks: list[Check]
    split: Annotated[list[SplitRun], Field(description=f"The newest {EXAMPLES} of the split runs.")]
    stored: StoredRows
    ledger: Annotated[LedgerCoverage | None, Field(description="Null for callers bound to workspaces: it is of all.")]
    rollups: Annotated[RollupCheck | None, Field(description="Null for callers bound to workspaces: it is of all.")]
    meta: Meta


# What each check means; a new check is an entry here and its value in the route.
_MEANINGS: Final = {
    "split_runs": "Runs whose snapshots have different starts, and so count several times: mend their producer.",
    "duplicates_held": "Redeliveries and older snapshots that are still stored. No answer counts them.",
    "ledger_gaps": "Offsets that were perhaps never stored. `runtally verify` asks the broker what was there.",
    "rollup_drift": "Rollups of the last 24 hours that differed from their runs, made anew since: who changes runs by "
    "SQL must mark them (docs/rollups.md).",
    "freshness_seconds": "Age of the last acknowledged insert. An idle fleet has an old one.",
}
_FAULTS: Final = frozenset({"split_runs", "ledger_gaps", "rollup_drift"})


def checks(values: dict[str, float | None]) -> list[dict[str, Any]]:
    """Each value as a check: those that count faults are well at 0; the others, and what is not known, are told."""
    return [
        {
            "name": name,
            "ok": value == 0 if name in _FAULTS and value is not None else None,
            "value": value,
            "meaning": _MEANINGS[name],
        }
        for name, value in values.items()
    ]


EXAMPLE: Final[dict[str, Any]] = {
    "ok": False,
    "split_runs": 1,
    "duplicates_held": 17,
    "ledger_gaps": 0,
    "rollup_drift": 0,
    "checks": checks(
        {"split_runs": 1, "duplicates_held": 17, "ledger_gaps": 0, "rollup_drift": 0, "freshness_seconds": 0.8}
    ),
    "split": [
        {
            "workspace_id": "acme",
            "run_id": "bar-1",
            "stored_runs": 2,
            "first_started_at": "2026-11-21T09:00:00.123Z",
            "last_started_at": "2026-11-21T09:00:07Z",
        }
    ],
    "stored": {"rows": 258, "runs": 240, "deleted_runs": 1},
    "ledger": {"streams": 1, "partitions": 12, "missing_offsets": 0, "gaps": []},
    "rollups": {"compared": 14400, "drifted": []},
}
