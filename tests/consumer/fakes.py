"""A broker, a store and a dead-letter topic in memory, to fail as a test likes."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

import pyarrow as pa
from consumer.samples import StoredRecord
from runtally_clickhouse.errors import StoreRefused, StoreUnavailable
from runtally_consumer.dead_letters import DeadLetter
from runtally_consumer.failures import DeadLetterTopicUnavailable
from runtally_consumer.records import Partition, Record
from runtally_consumer.resuming import Stop
from runtally_consumer.source import Assigned, CommitRefused, Revoked


class Clock:
    """Real time that a test may put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> bool:
        """Always True, to be called within a condition."""
        self._ahead += seconds
        return True


class FakeBroker:
    """Partitions of records, one group, eager rebalances as aiokafka does them."""

    def __init__(self, partitions: Sequence[Partition]) -> None:
        self.log: dict[Partition, list[StoredRecord]] = {partition: [] for partition in partitions}
        self.committed: dict[Partition, int] = {}
        self.commits: list[dict[Partition, int]] = []
        self.on_commit: Callable[[Mapping[Partition, int]], None] = lambda offsets: None
        self._members: list[FakeSource] = []
        self._rebalance = asyncio.Lock()

    def publish(self, partition: Partition, values: Sequence[bytes | None], gap: int = 0) -> None:
        log = self.log[partition]
        first = (log[-1].offset + 1 if log else 0) + gap
        log += [StoredRecord(first + index, value) for index, value in enumerate(values)]

    def end(self, partition: Partition) -> int:
        return self.log[partition][-1].offset + 1 if self.log[partition] else 0

    def ends(self) -> dict[Partition, int]:
        return {partition: self.end(partition) for partition, log in self.log.items() if log}

    async def join(self, member: "FakeSource") -> None:
        await self.rebalance(lambda: self._members.append(member))

    async def leave(self, member: "FakeSource") -> None:
        await self.rebalance(lambda: self._members.remove(member))

    async def rebalance(self, change: Callable[[], None] = lambda: None) -> None:
        """Every member gives up all its partitions, and gets new ones."""
        async with self._rebalance:
            for member in self._members:
                member.settled.clear()
            await asyncio.gather(*(member.revoke() for member in self._members))
            change()
            mine: dict[FakeSource, list[Partition]] = {member: [] for member in self._members}
            for index, partition in enumerate(sorted(self.log)):
                if self._members:
                    mine[self._members[index % len(self._members)]].append(partition)
            for member, partitions in mine.items():
                await member.assign(partitions)


class FakeSource:
    """`Source` over a `FakeBroker`."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._held: set[Partition] = set()
        self._assigned = False
        self._joining: asyncio.Task[None] | None = None
        self.settled = asyncio.Event()
        self.polls_fail: Exception | None = None
        self.commits_fail = False
        self.commits_hang = False
        self.silent = 0.0

    async def start(self, topics: Sequence[str], on_revoked: Revoked, on_assigned: Assigned) -> None:
        self._on_revoked, self._on_assigned = on_revoked, on_assigned
        self._joining = asyncio.create_task(self._broker.join(self))

    async def revoke(self) -> None:
        if self._assigned:
            await self._on_revoked()

    async def assign(self, partitions: list[Partition]) -> None:
        self._assigned = True
        self._positions = {partition: self._broker.committed.get(partition, 0) for partition in partitions}
        self._paused, self._held = set(), set()
        await self._on_assigned(partitions)
        self.settled.set()

    async def poll(self, wait_ms: int, most: int) -> dict[Partition, Sequence[Record]]:
        await self.settled.wait()
        if self.polls_fail is not None:
            raise self.polls_fail
        fetched = self._fetch(most)
        if not fetched:
            await asyncio.sleep(min(wait_ms / 1000, 0.01))
            await self.settled.wait()
            fetched = self._fetch(most)
        return fetched

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        if self.commits_hang:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        if self.commits_fail or not set(offsets) <= set(self._positions):
            raise CommitRefused("refused")
        self._broker.on_commit(offsets)
        self._broker.committed.update(offsets)
        self._broker.commits.append(dict(offsets))

    def pause(self, partitions: Collection[Partition]) -> None:
        self._paused |= set(partitions)

    def resume(self) -> None:
        self._paused = set()

    def hold(self, partition: Partition) -> None:
        self._held.add(partition)

    def release(self, partition: Partition, offset: int) -> None:
        self._held.discard(partition)
        self._positions[partition] = offset

    def lag(self) -> dict[Partition, int]:
        return {p: sum(record.offset >= at for record in self._broker.log[p]) for p, at in self._positions.items()}

    def silent_seconds(self) -> float:
        return self.silent

    async def stop(self) -> None:
        if self._joining is not None:
            await self._joining
        self._assigned = False
        self._positions = {}
        await self._broker.leave(self)

    def _fetch(self, most: int) -> dict[Partition, Sequence[Record]]:
        fetched: dict[Partition, Sequence[Record]] = {}
        for partition in sorted(set(self._positions) - self._paused - self._held):
            at = self._positions[partition]
            records = [record for record in self._broker.log[partition] if record.offset >= at][:most]
            if records:
                fetched[partition] = records
                self._positions[partition] = records[-1].offset + 1
                most -= len(records)
            if not most:
                break
        return fetched


class FakeStore:
    """`Writer` that keeps what it was given. Called from worker threads."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, object]]] = defaultdict(list)
        self.away = False
        self.loses_answers = False
        self.answering = threading.Event()
        self.answering.set()
        self.calls = 0
        self.tables_away: set[str] = set()
        self.refuses: dict[str, int] = {}  # table -> the code of its refusals
        self.poison: Callable[[dict[str, object]], bool] = lambda row: False
        self.poison_code = 469
        self.answers_lost_of: set[str] = set()
        self.on_insert: Callable[[str], object] = lambda table: None

    def insert(self, table: str, rows: pa.Table) -> None:
        self.calls += 1
        assert self.answering.wait(30), "the test forgot to let the store answer"
        if self.away or table in self.tables_away:
            raise StoreUnavailable(f"{table}: away")
        if table in self.refuses:
            raise StoreRefused(f"{table}: refused", self.refuses[table])
        if any(self.poison(row) for row in rows.to_pylist()):
            raise StoreRefused(f"{table}: constraint violated", self.poison_code)
        self.on_insert(table)
        self.tables[table] += rows.to_pylist()
        if self.loses_answers or table in self.answers_lost_of:
            raise StoreUnavailable(f"{table}: the answer was lost")

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        raise AssertionError(f"nobody should send {sql}")

    def run_ids(self) -> set[object]:
        return {row["run_id"] for row in self.tables["agent_runs"]}

    def ledger(self) -> dict[Partition, set[int]]:
        covered: dict[Partition, set[int]] = defaultdict(set)
        for row in self.tables["ingest_ledger"]:
            first, last = int(str(row["first_offset"])), int(str(row["last_offset"]))
            covered[Partition(str(row["topic"]), int(str(row["partition"])))] |= set(range(first, last + 1))
        return covered


class FakeDeadLetterTopic:
    """Keeps letters, unless it is away."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.away = False
        self.tries = 0

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        self.tries += 1
        if self.away:
            raise DeadLetterTopicUnavailable("dead-letter topic: away")
        self.letters += letters


class FakeRegister:
    """`StopRegister` of memory. Called from worker threads."""

    def __init__(self) -> None:
        self.told: list[Stop] = []
        self.asked: dict[Partition, int] = {}
        self.away = False
        self.tries = 0
        self.asks = 0

    def tell(self, stops: Sequence[Stop]) -> None:
        self.tries += 1
        if self.away:
            raise StoreUnavailable("away")
        self.told += stops

    def requests(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        self.asks += 1
        return {partition: self.asked[partition] for partition in partitions if partition in self.asked}
