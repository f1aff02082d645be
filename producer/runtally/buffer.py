"""The emitter's buffer: what agents have emitted and nobody has acknowledged yet, bounded in bytes."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from runtally.events import EVENTS, Event

# What one buffered message costs beside its texts: the dictionary, the numbers, the places in the queue.
_ITEM_BYTES, _FIELD_BYTES = 400, 64
# Room for the next message, whatever it is.
_SPARE_BYTES = 16 * 1024


class Pending(NamedTuple):
    """One message as it was emitted: not yet checked nor encoded, so that emitting stays cheap."""

    model: type[Event]
    fields: Mapping[str, object]
    size: int
    sequence: int


def size_of(fields: Mapping[str, object]) -> int:
    """About the memory that a buffered message takes."""
    size = _ITEM_BYTES + _FIELD_BYTES * len(fields)
    for value in fields.values():
        kind = type(value)
        if kind is str:
            size += len(value)  # type: ignore[arg-type]  # `type(value) is str` does not narrow
        elif kind is dict:
            for key, text in value.items():  # type: ignore[attr-defined]  # as above
                size += 2 * _FIELD_BYTES + len(str(key)) + len(str(text))
    return size


class Buffer:
    """Thread-safe, and cheap to put into: one lock, no I/O.

    A message counts against the bound from `put` until `settle`, so also while it is being sent. Its `lock`
    is reentrant and also guards the counters and the runs of its emitter: a fork waits for it.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.bytes = 0
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._waiting: dict[type[Event], deque[Pending]] = {model: deque() for model in EVENTS}
        self._taken: dict[int, Pending] = {}
        self._sequence = 0
        self._wakes: dict[type[Event], Callable[[], None]] = {}
        self._relieve: Callable[[], None] | None = None

    def __len__(self) -> int:
        with self.lock:
            return len(self._taken) + sum(map(len, self._waiting.values()))

    def put(self, model: type[Event], fields: Mapping[str, object], size: int) -> bool:
        """Keep the message. False, and nothing kept, when it does not fit. Never waits."""
        with self.lock:
            if self.bytes + size > self.bound:
                return False
            self.bytes += size
            self._sequence += 1
            self._waiting[model].append(Pending(model, fields, size, self._sequence))
            wake = self._wakes.pop(model, None)
            if wake is not None:
                wake()
            if self._relieve is not None and self.bytes > self.bound // 2:
                self._relieve()
                self._relieve = None
        return True

    def put_within(self, model: type[Event], fields: Mapping[str, object], size: int, seconds: float) -> bool:
        """`put` that waits for room. False when there was none within the time."""
        with self._changed:
            if size > self.bound:
                return False
            self._changed.wait_for(lambda: self.bytes + size <= self.bound, seconds)
            return self.put(model, fields, size)

    @property
    def nearly_full(self) -> bool:
        """Whether the next message may not fit."""
        return self.bytes + min(_SPARE_BYTES, self.bound // 2) > self.bound

    def wait_for_room(self, seconds: float) -> bool:
        """Wait until it is no longer nearly full. False when the time was too short."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.nearly_full, seconds)

    def take(self, model: type[Event], most: int, most_bytes: int) -> list[Pending]:
        """The oldest messages of a kind, for delivery; each must be settled."""
        with self.lock:
            queue = self._waiting[model]
            taken: list[Pending] = []
            while queue and len(taken) < most and most_bytes > 0:
                item = queue.popleft()
                self._taken[item.sequence] = item
                most_bytes -= item.size
                taken.append(item)
            return taken

    def take_rest(self) -> list[Pending]:
        """Everything, also what is being sent: for the end, when the deadline has passed."""
        with self.lock:
            rest = [*self._taken.values(), *(item for queue in self._waiting.values() for item in queue)]
            for queue in self._waiting.values():
                queue.clear()
            self._taken = {item.sequence: item for item in rest}
            return rest

    def settle(self, items: Iterable[Pending]) -> None:
        """The messages are delivered, kept elsewhere, or given up: their room is free."""
        with self._changed:
            for item in items:
                if self._taken.pop(item.sequence, None) is not None:
                    self.bytes -= item.size
            self._changed.notify_all()

    def on_message(self, model: type[Event], wake: Callable[[], None]) -> None:
        """Call `wake` once, as soon as a message of the kind waits: perhaps at once. It must not block."""
        with self.lock:
            if self._waiting[model]:
                wake()
            else:
                self._wakes[model] = wake

    def on_half_full(self, relieve: Callable[[], None]) -> None:
        """Call `relieve` once, at the first `put` that finds more than half of the bound used."""
        with self.lock:
            self._relieve = relieve

    def wait_settled(self, seconds: float) -> bool:
        """Wait until everything that is here now has been settled. False when the time was too short."""
        with self._changed:
            last = self._sequence
            return self._changed.wait_for(lambda: self._oldest() > last, seconds)

    def _oldest(self) -> int:
        waiting = [queue[0].sequence for queue in self._waiting.values() if queue]
        return min([*waiting, *self._taken], default=self._sequence + 1)
