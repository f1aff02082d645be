"""The promises of FAULTS.md, checked at every commit and every row of the ledger, and at the end of a story."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from consumer.samples import StoredRecord
from consumer.simulation.broker import SimulatedBroker
from consumer.simulation.messages import Catalogue
from consumer.simulation.store import SimulatedDeadLetterTopic, SimulatedStore, StoredKey
from runtally_consumer.dead_letters import RefusedBy
from runtally_consumer.records import Partition


class Broken(AssertionError):
    """A promise was broken."""


@dataclass
class Promises:
    """What must hold. `wrongs` gathers what was found where nobody would see an exception."""

    catalogue: Catalogue
    broker: SimulatedBroker
    store: SimulatedStore
    dead_letters: SimulatedDeadLetterTopic
    wrongs: list[str] = field(default_factory=list)
    ledger: dict[Partition, set[int]] = field(default_factory=dict)
    _durable_until: dict[Partition, int] = field(default_factory=dict)  # how many records of the log, from its start

    def check_commit(self, offsets: Mapping[Partition, int]) -> None:
        """I3: whatever lies below a committed offset is durable, and in the ledger."""
        for partition, offset in offsets.items():
            log, at = self.broker.log[partition], self._durable_until.get(partition, 0)
            while at < len(log) and self._is_accounted(partition, log[at]):
                at += 1
            self._durable_until[partition] = at
            if at < len(log) and log[at].offset < offset:
                missing = f"{log[at].offset} is not durable, marked and in the ledger"
                self.wrongs.append(f"I3: {partition} committed to {offset}, but {missing}")

    def check_ledger(self, row: Mapping[str, object]) -> None:
        """I4: a row of the ledger counts what is durable, each record once."""
        partition = Partition(str(row["topic"]), int(str(row["partition"])))
        first, last = int(str(row["first_offset"])), int(str(row["last_offset"]))
        accepted, dead = int(str(row["accepted"])), int(str(row["dead"]))
        log = self.broker.log[partition]
        start = bisect_left(log, first, key=attrgetter("offset"))
        records = log[start : bisect_left(log, last + 1, key=attrgetter("offset"))]
        letters = sum((partition, record.offset) in self.dead_letters.letters for record in records)
        bad = sum(self._stored(record) is None for record in records)
        if accepted + dead != len(records) or not bad <= dead <= letters:
            self.wrongs.append(f"I4: {partition} {first}..{last} holds {len(records)}, {letters} dead: {dict(row)}")
        if not all(self._is_durable(partition, record) for record in records):
            self.wrongs.append(f"I4: the ledger names {partition} {first}..{last}, which is not durable")
        self.ledger.setdefault(partition, set()).update(record.offset for record in records)

    def check_end(self) -> None:
        """Everything was published, nothing fails any more, all is committed. Raises `Broken`."""
        self.wrongs += self._wrong_rows()
        for partition, log in self.broker.log.items():
            missing = {record.offset for record in log} - self.ledger.get(partition, set())
            if missing:
                self.wrongs.append(f"I4: the ledger of {partition} has gaps: {sorted(missing)[:5]}")
            for record in log:
                self.wrongs += self._wrong_letter(partition, record)
        if self.wrongs:
            raise Broken("; ".join(self.wrongs[:5]))

    def _wrong_rows(self) -> list[str]:
        """I1, I2, I9: what a merged read shows is what a plain fold over all good records gives."""
        expected: dict[StoredKey, int] = {}
        for log in self.broker.log.values():
            for record in log:
                stored = self._stored(record)
                if stored is not None and stored[1] not in self.store.refused_versions:
                    expected[stored[0]] = max(stored[1], expected.get(stored[0], -1))
        # A control row, to try the table with, is in no workspace.
        shown = {key: version for key, version in self.store.visible.items() if key[1]}
        different = {key for key in expected.keys() | shown.keys() if expected.get(key) != shown.get(key)}
        return [f"I2: {len(different)} of {len(expected)} rows differ from the oracle"] if different else []

    def _wrong_letter(self, partition: Partition, record: StoredRecord) -> list[str]:
        """I8: dead letters are the bad records and no others, with the value that was sent."""
        letter = self.dead_letters.letters.get((partition, record.offset))
        stored = self._stored(record)
        place = f"{partition} {record.offset}"
        if letter is not None and letter.record.value != record.value:
            return [f"I8: the letter of {place} has another value"]
        if stored is None:
            kept = letter is not None and (partition, record.offset) in self.store.mirrored
            return [] if kept else [f"I8: {place} is bad, and no dead letter"]
        refused = stored[1] in self.store.refused_versions
        if letter is not None and not (refused and letter.refused_by is RefusedBy.STORE):
            return [f"I8: {place} is good, and a dead letter"]
        if not self._is_durable(partition, record):
            return [f"I1: {place} is neither stored nor dead"]
        return []

    def _is_accounted(self, partition: Partition, record: StoredRecord) -> bool:
        """Durable, in the ledger, and marked: a rollup of its bucket is then known to be out of date."""
        if record.offset not in self.ledger.get(partition, ()):
            return False
        if (partition, record.offset) in self.dead_letters.letters:
            return True  # a later version of its run may be there, on its way to be marked
        stored = self._stored(record)
        return stored is not None and self.store.has(*stored) and self.store.is_marked(*stored)

    def _is_durable(self, partition: Partition, record: StoredRecord) -> bool:
        stored = self._stored(record)
        is_dead = (partition, record.offset) in self.dead_letters.letters
        return is_dead or (stored is not None and self.store.has(*stored))

    def _stored(self, record: StoredRecord) -> tuple[StoredKey, int] | None:
        """Where a good record belongs, and its version."""
        return None if record.value is None else self.catalogue.stored.get(record.value)
