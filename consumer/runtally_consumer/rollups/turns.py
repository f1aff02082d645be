"""Several kinds of steps in one thread, each at its own pace."""

from collections.abc import Callable, Sequence

from runtally_consumer.rollups.keeping import Steps


class Turns:
    """Steps made of others: the one that is due the longest, one at a time."""

    def __init__(self, steps: Sequence[Steps], monotonic: Callable[[], float]) -> None:
        self._steps = steps
        self._monotonic = monotonic
        self._due_at = [monotonic()] * len(steps)

    def took_over(self) -> None:
        for steps in self._steps:
            steps.took_over()

    def step(self) -> float:
        """Blocks as the one does whose turn it is. Returns the seconds until another is due."""
        place = self._due_at.index(min(self._due_at))
        rest = self._due_at[place] - self._monotonic()
        if rest > 0:
            return rest
        self._due_at[place] = self._monotonic()  # of one that raises, too: the next call is for the other
        rest = self._steps[place].step()
        self._due_at[place] = self._monotonic() + rest
        return max(0.0, min(self._due_at) - self._monotonic())
