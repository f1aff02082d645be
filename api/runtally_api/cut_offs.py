"""Which cut-offs of stalled runs are the same question over the same data: those with no start of a running run
between them. Else the clock alone would make a question new each millisecond.

The store is asked only for a question that was asked before, as only its answer can be kept: what is new takes its own
cut-off, and waits for nobody. To look for runs that are running takes longer than most answers.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

AHEAD_MS = 60_000
MOST_QUESTIONS = 1_000
NextRunning = Callable[[int, int], int | None]
"""The first start of a running run in a range of Unix ms, the range's end without one; None when the data are no longer
those of the watermark. May block, and raise as a reader's `query`."""


class CutOffs:
    """Those of what one asker sees. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: OrderedDict[bytes, int] = OrderedDict()
        self._looking = threading.Lock()
        self._watermark = ""
        self._first_ms = self._last_ms = 0

    def same_as(self, cut_off_ms: int, question: bytes, watermark: str, next_running: NextRunning) -> int:
        """The cut-off that the question was last asked with, if it leaves the same runs on each side; else this one.

        `question` tells all of it but its cut-off, the watermark of its data included.
        """
        with self._lock:
            earlier_ms = self._asked.setdefault(question, cut_off_ms)
            self._asked.move_to_end(question)
            if len(self._asked) > MOST_QUESTIONS:
                self._asked.popitem(last=False)
        if earlier_ms == cut_off_ms:
            return cut_off_ms
        with self._looking:
            low_ms, high_ms = sorted((earlier_ms, cut_off_ms))
            if self._none_between(low_ms, high_ms, watermark, next_running):
                return earlier_ms
        with self._lock:
            self._asked[question] = cut_off_ms
        return cut_off_ms

    def _none_between(self, low_ms: int, high_ms: int, watermark: str, next_running: NextRunning) -> bool:
        """Whether no running run began from the one to before the other; false, too, where that is no longer known."""
        if watermark != self._watermark:
            self._watermark, self._first_ms, self._last_ms = watermark, low_ms, low_ms
        if low_ms < self._first_ms:
            return False
        if high_ms > self._last_ms:
            until_ms = high_ms + AHEAD_MS
            reached_ms = next_running(self._last_ms, until_ms)
            if reached_ms is None or reached_ms < high_ms:
                self._first_ms = self._last_ms = high_ms
                return False
            self._last_ms = min(reached_ms, until_ms)
        return True
