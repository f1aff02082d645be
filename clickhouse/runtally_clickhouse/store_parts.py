"""What the data parts of the store tell of it, without a row being read: one cheap question for all who need that."""

from dataclasses import dataclass
from datetime import UTC, datetime

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Reader, Row


@dataclass(frozen=True, slots=True)
class StoreParts:
    """`watermark` is another text after every change of what an answer can hold, `state_fingerprint` after every change
    of which buckets are clean. `bounds` are the instants between which all runs began that lie in the store, from a
    day's start to the end of a quarter hour; None in an empty store.
    """

    watermark: str
    state_fingerprint: str
    bounds: tuple[datetime, datetime] | None

    @classmethod
    def of(cls, row: Row) -> "StoreParts":
        """Out of the row that the question gives."""
        return cls(row["watermark"], row["state_fingerprint"], _bounds(row) if row["run_parts"] else None)


def read_parts(reader: Reader) -> StoreParts:
    """What the parts tell. Blocks; raises as `Reader.query`. One that keeps answers may give an earlier fingerprint."""
    return StoreParts.of(reader.query(query_text("store_parts"), {})[0])


def _bounds(row: Row) -> tuple[datetime, datetime]:
    first_s, last_s = row["first_s"], row["last_s"]
    day_s, end_s = first_s - first_s % 86_400, last_s - last_s % 900 + 900
    return datetime.fromtimestamp(day_s, UTC), datetime.fromtimestamp(end_s, UTC)
