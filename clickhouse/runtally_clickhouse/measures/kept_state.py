"""The clean buckets that were last read, kept for other requests until a mark or a published bucket changes them.

The engine takes longer to work out the state of a range than to read its cells. Whether it still holds is told by the
parts of four small tables; that is asked anew for each request, so nothing is believed for having been true.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from runtally_clickhouse.measures.clean_buckets import CleanBuckets

MOST_RANGES = 64
Days = tuple[int, int]


class KeptState:
    """What is clean in some ranges of days, of one moment of the store. For any number of threads."""

    def __init__(self, most: int = MOST_RANGES) -> None:
        self._most = most
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
            found = self._found.get(days)
            flight = found or Future[CleanBuckets]()
            if found is None:
                if len(self._found) >= self._most:
                    self._found.pop(next(iter(self._found)))
                self._found[days] = flight
        if found is None:
            return self._read(days, flight, read)
        return read() if flight.exception() else flight.result()

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
