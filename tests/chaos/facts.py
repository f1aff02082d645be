"""What really ran, in counts, for the table of faults: `artifacts/faults/SUITE.json`, never committed."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "artifacts" / "faults"


class Facts:
    """The counts of one suite's run."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.counts: Counter[str] = Counter()

    def count(self, name: str, number: int) -> None:
        self.counts[name] += number

    def write(self, folder: Path = FOLDER) -> None:
        """Replaces what an earlier run of the suite left."""
        folder.mkdir(parents=True, exist_ok=True)
        told = {"suite": self.suite, "date": datetime.now(UTC).date().isoformat(), "counts": dict(self.counts)}
        (folder / f"{self.suite}.json").write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")
