"""Where a draw takes its runs from: places spread evenly over how many runs there are. Pure."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

MOST_PLACES: Final = 64
# A first window should have about as many times the runs that are drawn of it.
_ROOM: Final = 4
# Where in its share a place is: multiples of the golden ratio's fraction fill [0, 1) evenly, and never in a period.
_GOLDEN_64: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Stretch:
    """The runs of a workspace that began between two instants, and how many they are."""

    workspace_id: str
    from_ms: int
    to_ms: int
    runs: int


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a stretch, and how many of its runs to take."""

    workspace_id: str
    from_ms: int
    to_ms: int
    runs: int


@dataclass(frozen=True, slots=True)
class Share:
    """What is drawn of a stretch: for each place, a number among its runs, how many near it."""

    stretch: Stretch
    takes: tuple[tuple[int, int], ...]

    @property
    def runs(self) -> int:
        return sum(runs for _, runs in self.takes)

    @property
    def first_parts(self) -> int:
        """In how many parts to look at first, that each have room for what is drawn of it; a power of two."""
        fitting = self.stretch.runs // (_ROOM * max(runs for _, runs in self.takes))
        return 1 << max(0, fitting.bit_length() - 1)

    def windows(self, parts: int) -> list[Window]:
        """Those of so many equal parts of the stretch in which the places would be, were its runs spread evenly."""
        whole = self.stretch
        length_ms = whole.to_ms - whole.from_ms
        taken: Counter[int] = Counter()
        for place, runs in self.takes:
            taken[place * parts // whole.runs] += runs
        return [
            Window(
                whole.workspace_id,
                whole.from_ms + length_ms * part // parts,
                whole.from_ms + length_ms * (part + 1) // parts,
                runs,
            )
            for part, runs in sorted(taken.items())
        ]


def share_out(stretches: Sequence[Stretch], sample: int) -> list[Share]:
    """The shares of a draw of `sample` runs, of none more than it has; all there are when they are no more.

    The stretches have runs and are in order; what is next to each other in it shares places.
    """
    ends = list(accumulate(stretch.runs for stretch in stretches))
    if not ends or ends[-1] <= sample:
        return [Share(stretch, ((0, stretch.runs),)) for stretch in stretches]
    takes: list[list[tuple[int, int]]] = [[] for _ in stretches]
    places = min(sample, MOST_PLACES)
    for place in range(places):
        first, end = (ends[-1] * number // places for number in (place, place + 1))
        run = first + ((end - first) * (place * _GOLDEN_64 % 2**64) >> 64)
        number = bisect_right(ends, run)
        begins = ends[number] - stretches[number].runs
        takes[number].append((run - begins, sample * (place + 1) // places - sample * place // places))
    _pass_on(stretches, takes)
    return [Share(stretch, tuple(taken)) for stretch, taken in zip(stretches, takes, strict=True) if taken]


def _pass_on(stretches: Sequence[Stretch], takes: list[list[tuple[int, int]]]) -> None:
    """What a stretch is asked for beyond what it has is asked of those that follow; after the last comes the first."""
    excess = 0
    for number in (*range(len(stretches)), *range(len(stretches))):
        stretch = stretches[number]
        room = stretch.runs - sum(runs for _, runs in takes[number])
        if room < 0:
            takes[number] = [(0, stretch.runs)]
            excess -= room
        elif excess and room:
            takes[number].append((stretch.runs // 2, min(excess, room)))
            excess -= min(excess, room)
