"""Ask which buckets are clean before a statement that reads cells, and have the statement read no others.

As one statement it would find that out by itself, and be as right; but it would have to be made for cells of every
width and for runs, and the engine takes longer to understand all that than to read what there is.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from runtally_clickhouse.catalogue import placeholders, query_text
from runtally_clickhouse.client import Reader, Row
from runtally_clickhouse.measures.clean_buckets import (
    BucketsToRead,
    CleanBuckets,
    buckets_to_read,
    read_clean_buckets,
    whole_days,
)
from runtally_clickhouse.measures.kept_state import KeptState
from runtally_clickhouse.measures.relations import (
    CHOICE_PREFIX,
    END_OF_FACTS,
    FACTS,
    STATE,
    STATE_PLACES,
    UNION,
    state_text,
    without_idle_conditions,
    without_unread_tables,
)
from runtally_clickhouse.store_parts import StoreParts

# The quarter hours of a month and a little: that many fit into parameters. Of more, the statement finds them by itself.
MOST_BUCKETS = 3_000
_FACTS = re.compile(rf"({'|'.join(FACTS)}) AS \(\n(.*?)\n\){re.escape(END_OF_FACTS)}", re.DOTALL)
_PLACE = re.compile(rf"{STATE}\.(\d)\)\)")


class StateFirst:
    """The reader of one request, over another reader. For any number of threads. Blocks and raises as that one does.

    What was clean when it was first looked holds for all that the request asks: each answer is of then, or later. It is
    looked anew after `data_as_of` was asked, which promises more. What
    was current then is kept for longer than a question may run; so when more than `patience_seconds` have gone by since
    (this process stood still, say), an answer is not believed, but asked for in one statement. With `kept`, what other
    requests have read is taken where it still holds.

    What the parts told is held in the same way: whoever must know of changes since then asks beneath this reader.
    """

    def __init__(
        self,
        reader: Reader,
        patience_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        kept: KeptState | None = None,
    ) -> None:
        self._reader = reader
        self._patience_seconds = patience_seconds
        self._kept = kept
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read: tuple[CleanBuckets, float] | None = None
        self._parts_lock = threading.Lock()
        self._told: tuple[list[Row], float] | None = None

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        if sql == query_text("data_as_of"):
            self.forget()  # what is asked from now on holds all that was acknowledged by now
        if sql == query_text("store_parts"):
            return [dict(row) for row in self._parts()[0]]
        told, bound, oldest = sql, dict(parameters), self._monotonic()
        for prefix in (CHOICE_PREFIX, ""):
            definition = f"(\n{state_text(prefix)}\n) AS {prefix}{STATE},\n"
            if definition not in told:
                continue
            clean, read_at = self._clean(parameters, prefix)
            oldest = min(oldest, read_at)
            found = buckets_to_read(clean, parameters, prefix)
            if len(found) > MOST_BUCKETS:
                found = self._of_stored(found)
            if len(found) > MOST_BUCKETS:
                return self._reader.query(sql, parameters)
            bound |= _state_parameters(found, prefix)
            told = _naming(_without_empty(told.replace(definition, ""), prefix, found), prefix)
        if told is sql:
            return self._reader.query(sql, parameters)
        told = without_idle_conditions(without_unread_tables(told), bound)
        read = placeholders(told)
        rows = self._reader.query(told, {name: value for name, value in bound.items() if name in read})
        if self._monotonic() - oldest > self._patience_seconds:
            return self._reader.query(sql, parameters)
        return rows

    def forget(self) -> None:
        """Look anew before what is asked next: somebody was told of more than this reader has seen."""
        with self._lock, self._parts_lock:
            self._read = self._told = None

    def _of_stored(self, found: BucketsToRead) -> BucketsToRead:
        """Without what lies before and after all runs, such as most of a period before the first one."""
        bounds = StoreParts.of(self._parts()[0]).bounds
        first_s, end_s = (int(bound.timestamp()) for bound in bounds) if bounds else (0, 0)
        return BucketsToRead(found.rolled_up, [start for start in found.raw if first_s <= start < end_s])

    def _clean(self, parameters: Mapping[str, object], prefix: str) -> tuple[CleanBuckets, float]:
        """What covers the range, and when it was asked for."""
        from_ms, to_ms = (int(str(parameters[f"{prefix}{name}"])) for name in ("from_ms", "to_ms"))
        with self._lock:
            began = self._monotonic()
            if self._read is not None:
                clean, read_at = self._read
                if clean.covers(from_ms // 1000, -(-to_ms // 1000)) and began - read_at < self._patience_seconds / 2:
                    return self._read
            days = whole_days(from_ms, to_ms)
            read = partial(read_clean_buckets, self._reader, *days)
            if self._kept is None:
                self._read = read(), began
            else:
                parts, told_at = self._parts()
                self._read = self._kept.clean(StoreParts.of(parts).state_fingerprint, days, read), told_at
            return self._read

    def _parts(self) -> tuple[list[Row], float]:
        """What the parts told since the request last asked how fresh its answer is, and when they were asked."""
        with self._parts_lock:
            began = self._monotonic()
            if self._told is None or began - self._told[1] >= self._patience_seconds / 2:
                self._told = self._reader.query(query_text("store_parts"), {}), began
            return self._told


def _state_parameters(found: BucketsToRead, prefix: str) -> dict[str, object]:
    """The buckets of each level, and how many they are."""
    read: dict[str, Sequence[object]] = {level.name: buckets for level, buckets in found.rolled_up.items()}
    read["raw"] = found.raw
    bound: dict[str, object] = {f"{prefix}{name}_read": buckets for name, buckets in read.items()}
    return bound | {f"{prefix}{name}_count": len(buckets) for name, buckets in read.items()}


def _naming(sql: str, prefix: str) -> str:
    """The statement with the buckets as parameters, wherever it would look into the state."""
    for name, place in STATE_PLACES.items():
        one = "DateTime('UTC')" if name == "raw" else "Tuple(DateTime('UTC'), UInt64)"
        sql = sql.replace(f"(SELECT arrayJoin({prefix}{STATE}.{place}))", f"{{{prefix}{name}_read:Array({one})}}")
        sql = sql.replace(f"length({prefix}{STATE}.{place})", f"{{{prefix}{name}_count:UInt32}}")
    return sql


def _without_empty(sql: str, prefix: str, found: BucketsToRead) -> str:
    """The statement without the parts of `run_facts` and the like that would read no bucket; one is always left."""
    filled = {STATE_PLACES[level.name] for level, buckets in found.rolled_up.items() if buckets}
    filled |= {STATE_PLACES["raw"]} if found.raw else set()

    def pruned(match: re.Match[str]) -> str:
        if f"({prefix}{STATE}." not in match[2]:
            return match[0]
        selects = match[2].split(UNION)
        kept = [one for one in selects if {int(place) for place in _PLACE.findall(one)} & filled] or selects[:1]
        return f"{match[1]} AS (\n{UNION.join(kept)}\n){END_OF_FACTS}"

    return _FACTS.sub(pruned, sql)
