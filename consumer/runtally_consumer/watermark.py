"""How far a partition is durable: the contiguous prefix of what was admitted."""

from collections import deque

from runtally_consumer.records import Record, Slice


class OffsetsRepeated(ValueError):
    """An offset came again within one epoch: the topic was made anew, or the source is at fault."""


class Watermark:
    """Tracks the slices of one partition in one epoch, in the order they were admitted.

    A slice that is written out of order does not move the watermark until every slice before it is written, so
    an offset below it is always durable, in the store or in the dead-letter topic.
    """

    def __init__(self) -> None:
        self._open: deque[Slice] = deque()
        self._written: set[int] = set()
        self._next_offset: int | None = None
        self._lowest_offset = 0
        self._pending_records = 0
        self.newest_timestamp_ms: int | None = None
        """When the broker got the newest record that was admitted; None without any."""

    @property
    def next_offset(self) -> int | None:
        """The offset to commit, or None while nothing is durable in this epoch."""
        return self._next_offset

    @property
    def pending_records(self) -> int:
        return self._pending_records

    @property
    def oldest(self) -> Record | None:
        """The first record that is not durable yet; None when all are."""
        return self._open[0].records[0] if self._open else None

    @property
    def place(self) -> tuple[int, int | None]:
        """How far it was read, and how far it is durable: a partition moves when either grows."""
        return self._lowest_offset, self._next_offset

    def restart(self) -> int:
        """Forget what is not durable, and return the offset to read again from. Something was admitted before."""
        if self._open:
            self._lowest_offset = self._open[0].first_offset
        self._open.clear()
        self._written.clear()
        self._pending_records = 0
        return self._lowest_offset

    def skip_to(self, offset: int) -> None:
        """Go on at an offset though records before it were never read: someone accepted that. Nothing is pending."""
        self._lowest_offset = offset
        self._next_offset = offset

    def admitted(self, piece: Slice) -> None:
        """A slice is on its way. Raises `OffsetsRepeated` unless its offsets lie above all that came before."""
        if piece.first_offset < self._lowest_offset:
            raise OffsetsRepeated(
                f"{piece.partition.topic}-{piece.partition.number}: offset {piece.first_offset} came "
                f"after {self._lowest_offset - 1}"
            )
        self._lowest_offset = piece.next_offset
        self.newest_timestamp_ms = piece.records[-1].timestamp
        self._open.append(piece)
        self._pending_records += len(piece.records)

    def written(self, piece: Slice) -> None:
        """A slice is durable."""
        self._written.add(piece.first_offset)
        self._pending_records -= len(piece.records)
        while self._open and self._open[0].first_offset in self._written:
            done = self._open.popleft()
            self._written.discard(done.first_offset)
            self._next_offset = done.next_offset
