"""Where records come from, as the consumer sees it: the contract that the Kafka adapter and the tests' fake keep."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

from runtally_consumer.records import Partition, Record

Revoked = Callable[[], Awaitable[None]]
Assigned = Callable[[list[Partition]], Awaitable[None]]


class SourceFailure(Exception):
    """A call did not succeed. `needs_person` when waiting will not mend it: rights are missing, say."""

    def __init__(self, reason: str, *, needs_person: bool = False) -> None:
        super().__init__(reason)
        self.needs_person = needs_person


class PollFailed(SourceFailure):
    """Nothing was read and nothing was skipped. Poll again, later."""


class CommitRefused(SourceFailure):
    """The offsets were not committed, or their fate is not known. The records will be read again; nothing is lost."""


class SourceBroken(Exception):
    """The source cannot go on without skipping records, or cannot go on at all. Commit what is durable and leave."""


class Source(Protocol):
    """The records of our partitions, as bytes, in ascending order of offsets within each partition.

    `on_revoked` and `on_assigned` are called inside the rebalance, and must not wait for `poll` to return.
    After `on_assigned` every partition is read from its committed offset, those that were ours before too.
    """

    async def start(self, topics: Sequence[str], on_revoked: Revoked, on_assigned: Assigned) -> None:
        """Begin to join the group. Raises `KafkaError` or `OSError` when no broker answers."""
        ...

    async def poll(self, wait_ms: int, most: int) -> dict[Partition, Sequence[Record]]:
        """What was fetched, possibly nothing. May block longer than `wait_ms` while the group rebalances.

        Records reach the caller without giving way to other tasks, so they always belong to the assignment
        that `on_assigned` told last. Raises `PollFailed` or `SourceBroken`. Never cancel it before `stop`.
        """
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Returns within seconds once the broker has acknowledged. Raises `CommitRefused`, which is never a loss."""
        ...

    def pause(self, partitions: Collection[Partition]) -> None:
        """Fetch nothing more of these until `resume` or the next assignment, but stay in the group while polled."""
        ...

    def resume(self) -> None:
        """Fetch all partitions again that are not held."""
        ...

    def hold(self, partition: Partition) -> None:
        """Fetch nothing more of one partition, whatever `resume` says, until `release` or the next assignment."""
        ...

    def release(self, partition: Partition, offset: int) -> None:
        """Fetch a held partition again, from the offset on."""
        ...

    def lag(self) -> dict[Partition, int]:
        """Records that the broker is known to have beyond what was polled, by partition."""
        ...

    def silent_seconds(self) -> float:
        """How long no broker has answered while asked for records; 0 when none was asked."""
        ...

    async def stop(self) -> None:
        """Leave the group, within seconds. The caller has committed what it wants committed."""
        ...
