"""`runtally import`: the parts put together, and what a person is told."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from aiokafka.errors import KafkaError
from rich.console import Console
from runtally.connection import KafkaConnection
from runtally.events import RunSnapshot
from runtally.violations import InvalidEvent, Violation
from runtally_consumer.settings import ConsumerSettings

from runtally_cli.importing.compiling import compile_map
from runtally_cli.importing.map_file import InvalidMap, read_map
from runtally_cli.importing.mapping import RunMap
from runtally_cli.importing.progress import Position, ShowPosition, shown_progress
from runtally_cli.importing.publishing import NotPublishable, Published, open_producer, publish
from runtally_cli.importing.reading import Source, open_rows
from runtally_cli.importing.rejection import RejectedRows, place_for, rejection_line
from runtally_cli.importing.rows import Row, UnreadableRow
from runtally_cli.importing.waiting import ApiView, GroupOffsets, ask_api, wait_until_stored

SHOWN_SNAPSHOTS = 5
Say = Callable[[str], None]
Reject = Callable[[Row, list[Violation]], None]


class Exit(IntEnum):
    """The command's exit codes; 2 is a wrong command line."""

    ALL_IN = 0
    COULD_NOT = 1
    SOME_REJECTED = 3
    NOT_YET_QUERYABLE = 4


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import, and how far to go."""

    file: Path
    map_path: Path
    dry_run: bool = False
    wait_seconds: float = 60.0
    rejected: Path | None = None
    strict: bool = False


@dataclass(slots=True)
class MappedRows:
    """The good snapshots of a source, while the bad rows go to `reject`."""

    source: Source
    run_map: RunMap
    reject: Reject
    read: int = 0
    rejected: int = 0
    last: RunSnapshot | None = None

    def __iter__(self) -> Iterator[RunSnapshot]:
        for row in self.source.rows:
            self.read += 1
            try:
                if isinstance(row.value, UnreadableRow):
                    raise InvalidEvent([Violation("", row.value.reason, "mend the line")])
                self.last = self.run_map.snapshot(row.value)
            except InvalidEvent as error:
                self.rejected += 1
                self.reject(row, error.violations)
                continue
            yield self.last

    def position(self, published: int) -> Position:
        return Position(self.read, published, self.rejected, self.source.bytes_read() / max(self.source.size, 1))


def run_import(request: ImportRequest, environment: Mapping[str, str], say: Say, console: Console) -> Exit:
    """Import, telling `say` the outcome and the console the progress.

    Raises `InvalidMap`, `UnreadableFile`, `NotPublishable`, `KafkaError`, `OSError`: what was published by then
    stays, and importing the file again is safe.
    """
    try:
        run_map = compile_map(read_map(request.map_path))
    except InvalidMap as error:
        lines = "\n".join(f"  {problem}" for problem in error.problems)
        raise InvalidMap([f"{request.map_path} cannot be used, nothing was published:\n{lines}"]) from error
    with open_rows(request.file, run_map.options) as source:
        if request.dry_run:
            return _dry_run(source, run_map, request, say, console)
        return asyncio.run(_Import(request, run_map, environment, say).run(source, console))


def verdict(read: int, rejected: int, *, strict: bool) -> Exit:
    """Rejected rows are told and kept; they fail the command where asked, or where nothing else was in the file."""
    return Exit.SOME_REJECTED if rejected and (strict or rejected == read) else Exit.ALL_IN


def _dry_run(source: Source, run_map: RunMap, request: ImportRequest, say: Say, console: Console) -> Exit:
    shown_rejections = 0

    def reject(row: Row, violations: list[Violation]) -> None:
        nonlocal shown_rejections
        shown_rejections += 1
        if shown_rejections <= SHOWN_SNAPSHOTS:
            say(f"rejected: {rejection_line(Row(row.line, None), violations)}")

    rows = MappedRows(source, run_map, reject)
    mapped = 0
    with shown_progress(console) as show:
        for mapped, snapshot in enumerate(rows, 1):
            if mapped <= SHOWN_SNAPSHOTS:
                say(snapshot.message_value().decode("utf-8"))
            show(rows.position(0))
    say(f"dry run: read {rows.read}, mapped {mapped}, rejected {rows.rejected}; nothing was published")
    _tell_never_known(rows, say)
    return verdict(rows.read, rows.rejected, strict=request.strict)


class _Import:
    """One import, from the first row to the last run that can be queried."""

    def __init__(self, request: ImportRequest, run_map: RunMap, environment: Mapping[str, str], say: Say) -> None:
        self._request, self._run_map, self._say = request, run_map, say
        self._connection = KafkaConnection.from_environment(environment)
        self._api_url = api_url(environment)
        self._group = (
            environment.get("RUNTALLY_CONSUMER_GROUP") or ConsumerSettings.model_fields["consumer_group"].default
        )
        self._published = Published()

    async def run(self, source: Source, console: Console) -> Exit:
        path = self._request.rejected or place_for(self._request.file)
        if path.resolve() == self._request.file.resolve():
            raise NotPublishable(f"--rejected would overwrite {path} itself: name another file")
        producer = await open_producer(self._connection)
        try:
            with RejectedRows(path) as rejected, shown_progress(console) as show:
                rows = MappedRows(source, self._run_map, rejected.add)
                try:
                    await publish(rows, producer, self._published, lambda: self._show(rows, show))
                finally:
                    self._say(f"read {rows.read}, published {self._published.runs}, rejected {rows.rejected}")
        finally:
            await producer.stop()
        if rows.rejected:
            self._say(f"rejected rows, with their reasons: {path}")
        _tell_never_known(rows, self._say)
        queryable = await self._wait(rows.last)
        if not queryable:
            return Exit.NOT_YET_QUERYABLE
        return verdict(rows.read, rows.rejected, strict=self._request.strict)

    def _show(self, rows: MappedRows, show: ShowPosition) -> None:
        show(rows.position(self._published.runs))

    async def _wait(self, last: RunSnapshot | None) -> bool:
        seconds = self._request.wait_seconds
        if last is None or seconds <= 0:
            return True
        started = time.monotonic()
        try:
            async with GroupOffsets(self._connection, self._group) as offsets:
                wanted = await offsets.completed(self._published.next_offsets)
                behind = await wait_until_stored(wanted, offsets.committed, seconds)
        except (KafkaError, OSError) as error:
            reason = f"{type(error).__name__}: {error}"
            self._say(f"published; how far the consumer (group {self._group}) is, Kafka does not say ({reason})")
            return False
        if behind:
            self._say(
                f"not all queryable within {seconds:g} s: the consumer (group {self._group}) has yet to store records "
                f"of {behind} partition(s). Kafka keeps them; see that `runtally up` or `runtally consume` runs"
            )
            return False
        return self._tell_queryable(last, time.monotonic() - started)

    def _tell_queryable(self, last: RunSnapshot, waited: float) -> bool:
        view = ApiView.HAS_IT if last.deleted else ask_api(self._api_url, last)
        if view is ApiView.LACKS_IT:
            self._say(f"stored, but the API at {self._api_url} does not have them: is it the API of another store?")
        elif view is ApiView.SILENT:
            self._say(f"stored; no API answers at {self._api_url} (RUNTALLY_API_URL) to query them")
        else:
            self._say(f"queryable: all of them, after {waited:.1f} s, at {self._api_url}")
        return view is not ApiView.LACKS_IT


def _tell_never_known(rows: MappedRows, say: Say) -> None:
    """A misspelt column is no error, but nobody would want it unseen."""
    if rows.read > rows.rejected:
        for item in rows.run_map.never_known():
            say(f"note: {item.name} is unknown in every row (`{item.source}`)")


def api_url(environment: Mapping[str, str]) -> str:
    """Where the API is: RUNTALLY_API_URL, else RUNTALLY_API_PORT on this machine."""
    port = environment.get("RUNTALLY_API_PORT") or "8000"
    return (environment.get("RUNTALLY_API_URL") or f"http://127.0.0.1:{port}").rstrip("/")
