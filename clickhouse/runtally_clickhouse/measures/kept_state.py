"""The clean buckets that were last read, kept for other requests until a mark or a published bucket changes them.

The engine takes longer to work out the state of a range than to read its cells. Whether it still holds is told by the
parts of four small tables; that is asked anew for each request, so nothing is believed for having been true.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from runtally_clickhouse.measures.clean_buckets import CleanBuckets

# Of each day there are up to 121 buckets.
MOST_DAYS = 2_000
_DAY_S = 86_400
Days = tuple[int, int]


class KeptState:
    """What is clean in some ranges of days, of one moment of the store. For any number of threads."""

    def __init__(self, most_days: int = MOST_DAYS) -> None:
        self._most_days = most_days
        self._lock = threading.Lock()
        self._fingerprint = ""
        self._found: dict[Days, Future[CleanBuckets]] = {}

    def clean(self, fingerprint: str, days: Days, read: Callable[[], CleanBuckets]) -> CleanBuckets:
        """What is clean, now or a little later, in a store whose state had this fingerprint just before the call.

        `read` is called where that is not known: what it finds may be of later than the fingerprint, never of before.

        Of those who want the same at once one reads, and the others wait for it; where it fails, each reads alone, as
        its limits were those of another. Blocks, and raises what `read` raises.
        """
        with self._lock:
            if fingerprint != self._fingerprint:
                self._fingerprint, self._found = fingerprint, {}
            wider = (kept for (first, end), kept in self._found.items() if first <= days[0] and days[1] <= end)
            found = next(wider, None)
            flight = found or Future[CleanBuckets]()
            if found is None:
                self._make_room(days)
                self._found[days] = flight
        if found is None:
            return self._read(days, flight, read)
        return read() if flight.exception() else flight.result()

    def _make_room(self, days: Days) -> None:
        """Forget the oldest ranges, until the new one fits in with the others."""
        while self._found and sum(end - first for first, end in [*self._found, days]) > self._most_days * _DAY_S:
            self._found.pop(next(iter(self._found)))

    def _read(self, days: Days, flight: Future[CleanBuckets], read: Callable[[], CleanBuckets]) -> CleanBuckets:
        try:
            clean = read()
        except BaseException as error:
            with self._lock:
                if self._found.get(days) is flight:
                    del self._found[days]
            flight.set_exception(error)
            raise
        flight.set_result(clean)
        return clean
