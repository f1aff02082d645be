"""A batch's rows on their way into their table: all at once, or around those that the store refuses."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa
from runtally_clickhouse.client import Writer
from runtally_clickhouse.errors import StoreRefused

from runtally_consumer.bisection import Bisection, NotBadData, TryControl
from runtally_consumer.controls import control_row
from runtally_consumer.decoding import Decoded, coalesce
from runtally_consumer.failures import BODY_TOO_LARGE_STATUS, MEMORY_LIMIT_CODE, FailureClass, classify
from runtally_consumer.insert_sizes import InsertSize
from runtally_consumer.threads import in_daemon_thread


@dataclass(slots=True)
class Insertion:
    """The rows for one table. One that failed goes on where it stopped."""

    table: str
    decoded: Decoded
    bisection: Bisection | None = None
    stored_rows: int = 0  # from the first on, as long as nothing was refused


class RowInserter:
    """Inserts the rows of batches, any number at once, and remembers a row of each table that the store took."""

    def __init__(self, store: Writer) -> None:
        self._store = store
        self._known_good: dict[str, pa.Table] = {}
        self._sizes: defaultdict[str, InsertSize] = defaultdict(InsertSize)
        self.answers = 0  # of the store, to tell a slow one from one that hangs

    def forget(self) -> None:
        """Try tables with rows of their own no more: one may have been erased meanwhile."""
        self._known_good.clear()

    async def insert(
        self, insertion: Insertion, too_many: Callable[[Collection[int]], object] | None = None
    ) -> Mapping[int, str]:
        """Store every row except those that are proven bad; returns these, each with the store's reason.

        `too_many`: see `Bisection`. Raises `StoreError`, `NotBadData` or `TooManyRefused`: some rows may be stored
        by then, and may be stored again.
        """
        if insertion.bisection is None:
            refusal = await self._try_all(insertion)
            if refusal is None:
                return {}
            insertion.bisection = Bisection(insertion.decoded.table.num_rows, refusal, too_many)
        try:
            await self._bisect(insertion, insertion.bisection)
        except Exception as error:
            if classify(error) is not FailureClass.TRANSIENT:
                insertion.bisection = None  # someone has to mend it: then all may pass at once
            raise
        return insertion.bisection.dead

    async def _bisect(self, insertion: Insertion, bisection: Bisection) -> None:
        while (step := bisection.next_step()) is not None:
            if isinstance(step, TryControl):
                refusal = await self._try_control(insertion)
            else:
                refusal = await self._try_rows(insertion, step.first, step.end)
            if refusal is None:
                bisection.accepted()
            else:
                bisection.refused(refusal)

    async def _try_control(self, insertion: Insertion) -> str | None:
        control = self._known_good.get(insertion.table)
        if control is None:
            control = control_row(insertion.table)
        if control is None:
            raise NotBadData(f"{insertion.table}: the store refuses rows and has taken none yet to compare with")
        return await self._try(insertion.table, control)

    async def _try_all(self, insertion: Insertion) -> str | None:
        rows = insertion.decoded.table.num_rows
        while insertion.stored_rows < rows:
            first, end = self._sizes[insertion.table].pieces(insertion.stored_rows, rows)[0]
            refusal = await self._try_rows(insertion, first, end)
            if refusal is not None:
                return refusal
            insertion.stored_rows = end
        return None

    async def _try_rows(self, insertion: Insertion, first: int, end: int) -> str | None:
        """In pieces where the store takes no more at once. Those before the one it refuses are stored."""
        size = self._sizes[insertion.table]
        pieces = size.pieces(first, end)
        while pieces:
            start, stop = pieces[0]
            try:
                refusal = await self._try_piece(insertion, start, stop)
            except StoreRefused as error:
                if error.code == MEMORY_LIMIT_CODE:
                    size.short_of_memory(stop - start)
                if error.status != BODY_TOO_LARGE_STATUS or not size.too_large(stop - start):
                    raise
                pieces = size.pieces(start, end)
                continue
            if refusal is not None:
                return refusal
            size.accepted(stop - start)
            del pieces[0]
        return None

    async def _try_piece(self, insertion: Insertion, first: int, end: int) -> str | None:
        """Versions that another one in the range supersedes are left out: they are tried if that one is refused."""
        decoded = insertion.decoded
        rows, _ = await asyncio.to_thread(coalesce, decoded.table.slice(first, end - first), decoded.rows[first:end])
        return await self._try(insertion.table, rows)

    async def _try(self, table: str, rows: pa.Table) -> str | None:
        """Why the store refused the rows as bad data; None when it took them."""
        try:
            await in_daemon_thread(self._store.insert, table, rows)
        except StoreRefused as error:
            if classify(error) is not FailureClass.DATA:
                raise
            self.answers += 1
            return str(error)
        self.answers += 1
        self._known_good[table] = rows.take(pa.array([0]))
        return None
