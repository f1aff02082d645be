"""What an answer may say while records are on their way: at least what was acknowledged, at most what was sent."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from runtally.events import RunSnapshot


@dataclass(frozen=True)
class Counted:
    """The figures of an answer over a set of snapshots. Each only grows when a snapshot is added."""

    runs: int = 0
    ended: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)


@dataclass
class Tally:
    """The figures of the snapshots so far. Runs have none of tokens and cost before they end, and end once."""

    counted: Counted = Counted()
    _ended: dict[str, bool] = field(default_factory=dict)

    def add(self, snapshots: Iterable[RunSnapshot]) -> None:
        runs, ended, tokens, cost_usd = 0, 0, 0, Decimal(0)
        for run in snapshots:
            runs += run.run_id not in self._ended
            if run.status != "running" and not self._ended.get(run.run_id):
                ended += 1
                tokens += (run.input_tokens or 0) + (run.output_tokens or 0)
                cost_usd += run.cost_usd or Decimal(0)
            self._ended[run.run_id] = self._ended.get(run.run_id, False) or run.status != "running"
        so_far = self.counted
        self.counted = Counted(
            so_far.runs + runs, so_far.ended + ended, so_far.tokens + tokens, so_far.cost_usd + cost_usd
        )


def outside(least: Counted, answer: Mapping[str, int | Decimal], most: Counted) -> list[str]:
    """What is wrong with the figures that an answer gives, a line for each."""
    told = []
    for name, found in answer.items():
        low, high = getattr(least, name), getattr(most, name)
        if not low <= found <= high:
            told.append(f"{name}: {found} answered, acknowledged {low}, published {high}")
    return told


def repeated(ids: Iterable[str]) -> list[str]:
    """The runs that an answer lists more than once."""
    return [id for id, times in Counter(ids).items() if times > 1]
