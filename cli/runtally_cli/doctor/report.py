"""The findings as a person reads them, and as a program does."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from runtally_clickhouse.findings import Finding, Level

SYMBOLS = {Level.OK: "✓", Level.WARNING: "!", Level.ERROR: "✗", Level.UNKNOWN: "?"}
PLAIN_SYMBOLS = {Level.OK: "+", Level.WARNING: "!", Level.ERROR: "x", Level.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found; `about` says what was looked at."""

    about: str
    findings: Sequence[Finding]

    @property
    def is_healthy(self) -> bool:
        return all(finding.level is not Level.ERROR for finding in self.findings)

    def counts(self) -> dict[str, int]:
        counted = Counter(finding.level for finding in self.findings)
        return {level.value: counted[level] for level in (Level.ERROR, Level.WARNING, Level.UNKNOWN, Level.OK)}

    def lines(self, encoding: str = "utf-8") -> Iterator[str]:
        """One line a finding: symbol and word, so that neither colour nor the symbol has to be seen."""
        symbols = SYMBOLS if _can_encode(encoding) else PLAIN_SYMBOLS
        area_width = max((len(finding.area) for finding in self.findings), default=0)
        level_width = max(map(len, Level))
        yield self.about
        for finding, following in zip_longest(self.findings, self.findings[1:]):
            head = f"{symbols[finding.level]} {finding.level:{level_width}}  {finding.area:{area_width}}  "
            yield head + finding.message
            if finding.remedy and (following is None or following.remedy != finding.remedy):
                yield f"{'':{len(head)}}remedy: {finding.remedy}"
        counts = self.counts()
        yield f"errors {counts['error']}, warnings {counts['warning']}, unknown {counts['unknown']}, ok {counts['ok']}"

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.is_healthy,
            "about": self.about,
            "counts": self.counts(),
            "findings": [asdict(finding) for finding in self.findings],
        }


def _can_encode(encoding: str) -> bool:
    try:
        "".join(SYMBOLS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
