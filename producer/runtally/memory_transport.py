"""A transport that keeps what it was sent: for tests of agents, and of the emitter itself."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from runtally.events import Event, RunSnapshot
from runtally.transport import Receipt, Record, Refusal, TransportUnavailable
from runtally.violations import decode_event

E = TypeVar("E", bound=Event)


class MemoryTransport:
    """Keeps each record that was sent, and can play a broker that is away or that refuses.

    ```python
    sent = MemoryTransport()
    with RunEmitter(transport=sent) as emitter:
        my_agent(emitter)
    assert sent.runs[-1].status == "succeeded"
    ```
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: list[Record] = []
        self._away = ""
        self._refuses: Callable[[Record], str] = lambda _: ""
        self.attempts = 0
        self.closed = False

    def go_away(self, reason: str = "the broker is away") -> None:
        """From now on nothing can be delivered, until `come_back`."""
        self._away = reason

    def come_back(self) -> None:
        self._away = ""

    def refuse(self, reason: Callable[[Record], str]) -> None:
        """Refuse for good each record for which `reason` gives a text that is not empty."""
        self._refuses = reason

    @property
    def records(self) -> list[Record]:
        """What was delivered, in the order it came."""
        with self._changed:
            return list(self._records)

    def events(self, model: type[E]) -> list[E]:
        """The delivered messages of one kind, decoded: what a consumer would read."""
        return [decode_event(model, record.value) for record in self.records if record.topic == model.topic]

    @property
    def runs(self) -> list[RunSnapshot]:
        """Every snapshot delivered, in the order it came."""
        return self.events(RunSnapshot)

    def latest(self, run_id: str) -> RunSnapshot:
        """The snapshot of the run that was updated last. Raises `KeyError` when none was delivered."""
        snapshots = [run for run in self.runs if run.run_id == run_id]
        if not snapshots:
            raise KeyError(run_id)
        return max(snapshots, key=lambda run: run.updated_at)

    def wait_for(self, condition: Callable[["MemoryTransport"], bool], seconds: float = 10.0) -> bool:
        """Wait until `condition(self)` holds; it is asked after each attempt to send. False: not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), seconds)

    async def send(self, records: Sequence[Record]) -> Receipt:
        with self._changed:
            self.attempts += 1
            self._changed.notify_all()
            if self._away:
                raise TransportUnavailable(self._away)
            refused = [Refusal(record, reason) for record in records if (reason := self._refuses(record))]
            dropped = {id(refusal.record) for refusal in refused}
            self._records.extend(record for record in records if id(record) not in dropped)
            return Receipt(refused=refused)

    async def close(self) -> None:
        self.closed = True

    def after_fork(self) -> None:
        self._changed = threading.Condition()
        self._records = []
