"""What the store answered, kept while its data stay as they are: a statement is asked once, however many want it.

A key is a hash of the statement, its parameters (the instants, cut-offs and workspaces that the question was resolved
to), the data's watermark and up to when the store had acknowledged. Both were read before the answer: so what is kept
is never stale, and holds all that whoever is given it is promised.
"""

import hashlib
import json
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from runtally_clickhouse.catalogue import NOBODY_STALLED_MS, query_text
from runtally_clickhouse.client import Reader, Row
from runtally_clickhouse.errors import StoreRefused
from runtally_clickhouse.measures.composition import TOO_MANY_GROUPS
from runtally_clickhouse.store_parts import read_parts

from runtally_api.cut_offs import CutOffs

MOST_ASKERS = 1_000
_STALLED = "stalled_before_ms"
Key = bytes
# The data's watermark, and what was said of how fresh they are.
Data = tuple[str, list[Row]]


@dataclass(slots=True)
class OfAsker:
    """What is remembered for those who may see the same. `newest` was told before whoever finds it here looks."""

    cut_offs: CutOffs = field(default_factory=CutOffs)
    newest: Data | None = None


class AnswerCache:
    """Answers by key, the least recently used dropped beyond `max_bytes`. For any number of threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._under_way: dict[Key, Future[bytes]] = {}
        self._lock = threading.Lock()
        self._askers: OrderedDict[str, OfAsker] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def of_asker(self, asker: str) -> OfAsker:
        """Theirs alone: to another a run may stall between two cut-offs, and other data be the newest."""
        with self._lock:
            found = self._askers.setdefault(asker, OfAsker())
            self._askers.move_to_end(asker)
            if len(self._askers) > MOST_ASKERS:
                self._askers.popitem(last=False)
            return found

    def answer(self, key: Key, ask: Callable[[], list[Row]]) -> list[Row]:
        """The kept answer, else that of whoever asks at this moment, else one's own. Raises what `ask` raises.

        A failure is not kept, and shared only with those who already wait for it.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return _rows(self._kept[key])
            flight = self._under_way.get(key)
            is_mine = flight is None
            if flight is None:
                flight = self._under_way[key] = Future()
        if not is_mine:
            return _rows(flight.result())
        try:
            rows = ask()
            encoded = pickle.dumps(rows, pickle.HIGHEST_PROTOCOL)
        except BaseException as error:
            with self._lock:
                del self._under_way[key]
            flight.set_exception(error)
            raise
        with self._lock:
            del self._under_way[key]
            self._keep(key, encoded)
        flight.set_result(encoded)
        return rows

    def _keep(self, key: Key, encoded: bytes) -> None:
        if len(encoded) > self._max_bytes:
            return
        self._kept[key] = encoded
        self._bytes += len(encoded)
        while self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped)


def _rows(encoded: bytes) -> list[Row]:
    """A copy of its own for each asker."""
    rows: list[Row] = pickle.loads(encoded)
    return rows


class AnsweringReader:
    """The reader of one request: it answers out of the cache, as the data were when the request first asked.

    What is not kept is asked of `reader`, which nobody has asked yet, and which may hold what it sees until `forget`;
    whether the data have changed meanwhile is asked of `beneath`, which may not.
    For any number of threads: the request's questions may go out together. `asker` names what may be seen: an answer is
    for the same asker alone, also where a fault would leave it out of the question.
    """

    def __init__(
        self,
        reader: Reader,
        cache: AnswerCache,
        asker: str = "",
        *,
        beneath: Reader,
        forget: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._beneath = beneath
        self._forget = forget
        self._asker = asker
        self._cache = cache
        self._lock = threading.Lock()
        self._data: Data | None = None
        self._asked: set[Key] = set()
        self._has_failed = False

    @property
    def validator(self) -> str | None:
        """A hash of all that the request asked and of the data's watermark, in whatever order the questions went out.

        None when it asked nothing, and when a question failed: what is said without it is not what is there. One that
        was refused for its size does not count: it is asked in another way, or the request is refused with it.
        """
        if self._data is None or self._has_failed:
            return None
        return hashlib.sha256(b"".join(sorted(self._asked))).hexdigest()

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        try:
            return self._answer(sql, parameters)
        except BaseException as error:
            self._has_failed |= not (isinstance(error, StoreRefused) and error.code in TOO_MANY_GROUPS)
            raise

    def _answer(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        with self._lock:
            if self._data is None:
                self._data = self._look()  # before any question, whatever the request asks first
        watermark, acknowledged = self._data
        bound = dict(parameters)
        cut_off = bound.get(_STALLED)
        if isinstance(cut_off, int) and cut_off != NOBODY_STALLED_MS:
            question = self._key(self._data, sql, bound | {_STALLED: None})
            cut_offs = self._cache.of_asker(self._asker).cut_offs
            bound[_STALLED] = cut_offs.same_as(cut_off, question, watermark, self._next_running)
        if sql == query_text("data_as_of"):
            return [dict(row) for row in acknowledged]
        return self._kept_or_asked(self._data, sql, bound)

    def _look(self) -> Data:
        """How the data are now. One look at the parts will do where they are as they were.

        Then up to when the store had acknowledged was told before this look, so the reader may go by what it saw. Else
        that is told after it, perhaps to another request, and the reader must look anew: a run may have come between.
        """
        of_asker = self._cache.of_asker(self._asker)
        newest = of_asker.newest
        watermark = read_parts(self._reader).watermark
        as_of: tuple[Data, str, dict[str, object]] = (watermark, []), query_text("data_as_of"), {}
        if newest is not None and newest[0] == watermark:
            self._asked.add(self._key(*as_of))
            return newest
        try:
            of_asker.newest = found = watermark, self._kept_or_asked(*as_of)
        finally:
            self._forget()
        return found

    def _kept_or_asked(self, data: Data, sql: str, bound: Mapping[str, object]) -> list[Row]:
        key = self._key(data, sql, bound)
        rows = self._cache.answer(key, lambda: self._reader.query(sql, bound))
        self._asked.add(key)
        return rows

    def _key(self, data: Data, sql: str, bound: Mapping[str, object]) -> Key:
        named = json.dumps([self._asker, data, sql, bound], sort_keys=True, default=str).encode()
        return hashlib.sha256(named).digest()

    def _next_running(self, from_ms: int, to_ms: int) -> int | None:
        """The first start of a running run in the range, its end without one; None when the data have changed."""
        rows = self._reader.query(query_text("next_running"), {"from_ms": from_ms, "to_ms": to_ms})
        if self._data is None or read_parts(self._beneath).watermark != self._data[0]:
            return None
        started: int = rows[0]["started_ms"]
        return to_ms if started < 0 else started
