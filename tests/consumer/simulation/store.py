"""A store and a dead-letter topic that may apply without telling, tell without delay, apply late, refuse or hang."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import pyarrow as pa
from consumer.simulation.virtual_time import VirtualLoop
from runtally_clickhouse.errors import StoreRefused, StoreUnavailable
from runtally_consumer.dead_letters import DeadLetter
from runtally_consumer.failures import DATA_CODES, TRANSIENT_CODES, DeadLetterTopicUnavailable
from runtally_consumer.records import Partition

SYSTEMIC_CODES: Final = (60, 81, 16, 47, 62, 192, 497, 516, 0)
CODES: Final = (*sorted(TRANSIENT_CODES), *SYSTEMIC_CODES, *sorted(DATA_CODES))
CONSTRAINT_VIOLATED: Final = 469
KEYS: Final = {"agent_runs": "run_id", "agent_feedback": "id"}
LEDGER_COLUMNS: Final = ("topic", "partition", "first_offset", "last_offset", "accepted", "dead")
BUCKET_SECONDS: Final = 15 * 60

StoredKey = tuple[str, str, bytes]


@dataclass(slots=True)
class StoreFaults:
    """What goes wrong just now, as shares of the requests. `tables`: those that it goes wrong for; None: all."""

    tables: frozenset[str] | None = None
    away: float = 0.0
    refused: float = 0.0
    code: int = 0
    answer_lost: float = 0.0
    late: float = 0.0  # the client has given up; the rows come nevertheless
    hanging: float = 0.0
    latency_seconds: float = 0.05


@dataclass
class SimulatedStore:
    """`Writer` that keeps, of each key, what a merged read would show."""

    loop: VirtualLoop
    draws: random.Random
    on_ledger: Callable[[Mapping[str, object]], None]
    told: Callable[[str], None] = lambda what: None
    faults: StoreFaults = field(default_factory=StoreFaults)
    refused_versions: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.visible: dict[StoredKey, int] = {}
        self._changes: dict[StoredKey, list[tuple[int, int]]] = defaultdict(list)  # version, when
        self._marks: dict[int, int] = {}  # bucket, when it was marked last
        self._applied = count(1)
        self.inserts = 0
        self.mirrored: set[tuple[Partition, int]] = set()

    def insert(self, table: str, rows: pa.Table) -> None:
        self.inserts += 1
        self.told(f"insert {table} {rows.num_rows}")
        faults, draw = self.faults, self.draws.random
        affected = faults.tables is None or table in faults.tables
        self.loop.answer_delay = draw() * faults.latency_seconds
        if affected and draw() < faults.hanging:
            self.loop.answer_delay = 5.0 + 10.0 * draw()
        if affected and draw() < faults.away:
            raise StoreUnavailable(f"{table}: away")
        if affected and draw() < faults.refused:
            raise StoreRefused(f"{table}: refused with {faults.code}", faults.code)
        if table in KEYS and self.refused_versions and not self.refused_versions.isdisjoint(_versions(rows)):
            raise StoreRefused(f"{table}: constraint violated", CONSTRAINT_VIOLATED)
        if affected and draw() < faults.late:
            self.loop.call_elsewhere(self.loop.answer_delay + draw() * 8.0, self._apply, table, rows)
            raise StoreUnavailable(f"{table}: timed out")
        self.loop.call_elsewhere(self.loop.answer_delay * draw(), self._apply, table, rows)
        if affected and draw() < faults.answer_lost:
            raise StoreUnavailable(f"{table}: the answer was lost")

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        raise AssertionError(f"nobody should send {sql}")

    def _apply(self, table: str, rows: pa.Table) -> None:
        if table == "ingest_ledger":
            columns = {name: rows[name].to_pylist() for name in LEDGER_COLUMNS}
            for values in zip(*columns.values(), strict=True):
                self.on_ledger(dict(zip(columns, values, strict=True)))
        elif table == "bucket_changes":
            when = next(self._applied)
            self._marks |= dict.fromkeys(rows["bucket"].to_pylist(), when)
        elif table == "dead_letters":
            places = [rows[name].to_pylist() for name in ("topic", "partition", "offset")]
            self.mirrored |= {(Partition(topic, number), offset) for topic, number, offset in zip(*places, strict=True)}
        else:
            when = next(self._applied)
            workspaces, ids = rows["workspace_id"].to_pylist(), rows[KEYS[table]].to_pylist()
            for workspace, id, version in zip(workspaces, ids, _versions(rows), strict=True):
                key = (table, workspace, id)
                if version > self.visible.get(key, -1):
                    self.visible[key] = version
                    self._changes[key].append((version, when))

    def has(self, key: StoredKey, version: int) -> bool:
        """Whether a merged read shows this version of the row or a later one."""
        return self.visible.get(key, -1) >= version

    def is_marked(self, key: StoredKey, version: int) -> bool:
        """Whether the row's bucket was marked after the row came. Other tables have no marks."""
        if key[0] != "agent_runs":
            return True
        came = next(when for shown, when in self._changes[key] if shown >= version)
        bucket = int.from_bytes(key[2][:6], "big") // 1000 // BUCKET_SECONDS * BUCKET_SECONDS
        return self._marks.get(bucket, 0) > came


def _versions(rows: pa.Table) -> list[int]:
    return [int.from_bytes(version, "little") for version in rows["version"].to_pylist()]


@dataclass(slots=True)
class TopicFaults:
    """What goes wrong just now with the dead-letter topic, as shares of the requests."""

    away: float = 0.0
    answer_lost: float = 0.0
    partly: float = 0.0
    hanging: float = 0.0


@dataclass
class SimulatedDeadLetterTopic:
    """Keeps letters, each as soon as the broker has it."""

    loop: VirtualLoop
    draws: random.Random
    told: Callable[[str], None] = lambda what: None
    faults: TopicFaults = field(default_factory=TopicFaults)
    letters: dict[tuple[Partition, int], DeadLetter] = field(default_factory=dict)
    deliveries: dict[tuple[Partition, int], int] = field(default_factory=lambda: defaultdict(int))

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        self.told(f"letters {len(letters)}")
        faults, draw = self.faults, self.draws.random
        travels = 0.1 * draw()
        failure = None
        if draw() < faults.away:
            failure, letters = "away", []
        elif draw() < faults.partly:
            failure, letters = "some not taken", [letter for letter in letters if draw() < 0.5]
        elif draw() < faults.answer_lost:
            failure = "the answer was lost"
        for letter in letters:
            self.loop.call_elsewhere(travels * draw(), self._keep, letter)
        await asyncio.sleep(5.0 if draw() < faults.hanging else travels)
        if failure is not None:
            raise DeadLetterTopicUnavailable(f"dead-letter topic: {failure}")

    def _keep(self, letter: DeadLetter) -> None:
        place = (letter.partition, letter.record.offset)
        self.letters[place] = letter
        self.deliveries[place] += 1
