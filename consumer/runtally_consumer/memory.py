"""Who may still be read when much is held already: memory is shared out over partitions, so that none starves. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from runtally_consumer.records import Partition


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """The bytes of records that may be held, all partitions together.

    Up to three quarters belong to whoever comes first. The last quarter is for partitions that hold less than an equal
    share of it: so one that is read faster than it is written, or whose table fails, leaves room for all others. Nobody
    below its share waits, so the limit may be passed by what single polls bring, never by more.
    """

    limit_bytes: int

    def crowded(
        self, held: Mapping[Partition, int], held_bytes: int, paused: Collection[Partition]
    ) -> frozenset[Partition]:
        """The partitions that must not be read now. `held` has all that are ours, `paused` those of the last answer.

        Who was paused stays so until half of its share is free again, or half of all, lest reading flaps.
        """
        if held_bytes <= self.limit_bytes // 2:
            return frozenset()
        share = (self.limit_bytes - self._open_bytes) // max(1, len(held))
        crowding = held_bytes >= self._open_bytes
        return frozenset(
            partition
            for partition, size in held.items()
            if (crowding and size >= share) or (partition in paused and size > share // 2)
        )

    def room_bytes(self, held_bytes: int) -> int:
        """How much may be read before anybody must be looked at again."""
        limit = self._open_bytes if held_bytes < self._open_bytes else self.limit_bytes
        return max(0, limit - held_bytes)

    @property
    def _open_bytes(self) -> int:
        return self.limit_bytes * 3 // 4
