"""How many rows one insert may carry, for a store that has not the memory for whole batches. Pure."""

FEWEST_ROWS = 256
# Memory may be short for a moment, by a merge or a question.
PATIENCE = 2
# So many accepted inserts of a size, and the next size is tried again.
TRIES_TO_GROW = 16


class InsertSize:
    """The rows that one insert into a table may have: halved when they are too many, doubled after a while."""

    def __init__(self) -> None:
        self._most: int | None = None
        self._short_of_memory = 0
        self._accepted = 0

    def pieces(self, first: int, end: int) -> list[tuple[int, int]]:
        """The rows [first, end) in ranges that may be inserted."""
        step = self._most or max(1, end - first)
        return [(start, min(start + step, end)) for start in range(first, end, step)]

    def accepted(self, rows: int) -> None:
        """The store took an insert of so many rows."""
        self._short_of_memory = 0
        if self._most is None or rows < self._most:
            return
        self._accepted += 1
        if self._accepted >= TRIES_TO_GROW:
            self._accepted = 0
            self._most *= 2

    def short_of_memory(self, rows: int) -> None:
        """The store had not the memory for so many rows. The second time in a row they are halved, down to a floor."""
        self._short_of_memory += 1
        if self._short_of_memory >= PATIENCE and rows > FEWEST_ROWS:
            self._halve(max(FEWEST_ROWS, rows // 2))

    def too_large(self, rows: int) -> bool:
        """The store, or a proxy before it, takes no body of so many rows. False when there is nothing to halve."""
        if rows > 1:
            self._halve(rows // 2)
        return rows > 1

    def _halve(self, most: int) -> None:
        self._short_of_memory = 0
        self._accepted = 0
        self._most = min(self._most or most, most)
