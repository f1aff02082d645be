"""How long records have waited at the broker unread: bounds, as nobody has seen their time stamps. Pure."""

from collections.abc import Collection

from runtally_consumer.records import Partition


class UnreadWatch:
    """Remembers, by a monotonic clock, when each partition was last seen read to its end."""

    def __init__(self) -> None:
        self._seen_since: dict[Partition, float] = {}
        self._read_up_at: dict[Partition, float] = {}

    def assigned(self) -> None:
        """Partitions were assigned: what was seen of them before is old."""
        self._seen_since = {}
        self._read_up_at = {}

    def observe(self, partitions: Collection[Partition], unread: Collection[Partition], now: float) -> None:
        """Look at our partitions, of which those in `unread` have records that were not read."""
        for partition in partitions:
            self._seen_since.setdefault(partition, now)
            if partition not in unread:
                self._read_up_at[partition] = now

    def age_seconds(self, partition: Partition, read_age_seconds: float | None, now: float) -> float:
        """The age of a partition's oldest unread record, at most; it grows while nothing is read.

        It came after the newest record that was read, which is `read_age_seconds` old, and after the moment when there
        was none. Where neither is known, as in a backlog nothing of which was read, it is since we look: at least.
        """
        bounds = [] if read_age_seconds is None else [max(0.0, read_age_seconds)]
        if partition in self._read_up_at:
            bounds.append(now - self._read_up_at[partition])
        return min(bounds) if bounds else now - self._seen_since.get(partition, now)
