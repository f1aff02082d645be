"""Writes docs/faults.md from the rows and from what the suites' last runs left in artifacts/faults.

`PYTHONPATH=tests python tests/chaos/fault_table.py`. A suite that has not run here keeps the line it had.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chaos.facts import FOLDER
from chaos.fault_rows import ROWS, SIMULATED, FaultRow

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
HEAD = """# Faults, and what holds through them

After each story of faults the public API's answers equal the oracle's, money to the last digit; the dead letters are
exactly the bad records; `runtally verify` finds no gap. While it lasts, a reader asks without a pause, and each answer
lies between what the ledger had acknowledged before the question and what was published when it came.

`make test` plays each story once, on one broker; `make chaos` draws stories on three brokers for `MINUTES=` minutes,
prints the seed of each, and plays one again with `SEED=`. This page is written by `tests/chaos/fault_table.py`, from
the counts that the last runs left in `artifacts/faults`.

## What ran

| suite | on | counts |
|---|---|---|
"""
TABLE = """
## The faults

Tests are named below `tests/`; the counts are those of the runs above.

| fault | held by | how often | remarks |
|---|---|---|---|
"""
Facts = Mapping[str, Any]
_RAN = re.compile(r"^\| `(?P<suite>[\w-]+)` \| (?P<date>[\d-]+) \| (?P<counts>.*) \|$", re.MULTILINE)


def facts_of(folder: Path, document: str) -> dict[str, Facts]:
    """What each suite counted: in its last run here, else in the one that the document tells of."""
    found: dict[str, Facts] = {}
    for line in _RAN.finditer(document):
        pairs = (part.rsplit(" ", 1) for part in line["counts"].split(", ") if part)
        counts = {name: int(number) for name, number in pairs}
        found[line["suite"]] = {"suite": line["suite"], "date": line["date"], "counts": counts}
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        found[told["suite"]] = told
    return dict(sorted(found.items()))


def render(facts: Mapping[str, Facts]) -> str:
    """The whole page."""
    return HEAD + "".join(_ran(one) for one in facts.values()) + TABLE + "".join(_rows(facts))


def _ran(told: Facts) -> str:
    counts = ", ".join(f"{name} {number}" for name, number in sorted(told["counts"].items()))
    return f"| `{told['suite']}` | {told['date']} | {counts} |\n"


def _rows(facts: Mapping[str, Facts]) -> Iterator[str]:
    for row in ROWS:
        tests = "<br>".join(f"`{test}`" for test in row.tests)
        yield f"| {row.number}. {row.fault} | {tests} | {_often(row, facts)} | {row.remark} |\n"


def _often(row: FaultRow, facts: Mapping[str, Facts]) -> str:
    told = []
    simulated = [("simulation", SIMULATED[row.number])] if row.number in SIMULATED else []
    for suite, name in [*row.counters, *simulated]:
        number = facts.get(suite, {"counts": {}})["counts"].get(name)
        if number:
            told.append(f"{suite}: {name} {number}")
    return "<br>".join(told)


if __name__ == "__main__":
    before = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    DOCUMENT.write_text(render(facts_of(FOLDER, before)), encoding="utf-8")
