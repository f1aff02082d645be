"""Many stories, in as many processes as there are processors; or one, told as it goes.

make simulation ARGS='--seeds 100000'
make simulation ARGS='--seed 4711'
"""

import argparse
import gc
import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context

import structlog
from chaos.facts import Facts
from consumer.simulation.messages import catalogue
from consumer.simulation.story import Told, play

CHUNK = 25


@dataclass
class Tally:
    """What many stories came to."""

    stories: int = 0
    records: int = 0
    virtual_seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, told: Told) -> None:
        self.stories += 1
        self.records += told.records
        self.virtual_seconds += told.virtual_seconds
        self.faults.update(told.faults)

    def merge(self, other: "Tally") -> None:
        self.stories += other.stories
        self.records += other.records
        self.virtual_seconds += other.virtual_seconds
        self.faults.update(other.faults)
        self.failures += other.failures

    def complaint(self) -> str:
        """What failed, each with the command that plays it again."""
        lines = [f"make simulation ARGS='--seed {seed}'  # {reason}" for seed, reason in self.failures[:10]]
        return "\n".join([f"{len(self.failures)} stories failed:", *lines])

    def counts(self) -> dict[str, int]:
        """For the table of faults."""
        told = {"stories": self.stories, "records": self.records, "virtual seconds": round(self.virtual_seconds)}
        return told | {name.replace("_", " "): count for name, count in sorted(self.faults.items())}


def play_many(seeds: Iterable[int]) -> Tally:
    """Play the stories one by one, quietly; a failure is noted and the next goes on."""
    tally = Tally()
    with quiet():
        for seed in seeds:
            try:
                tally.add(play(seed))
            except Exception as error:
                tally.stories += 1
                tally.failures.append((seed, f"{type(error).__name__}: {error}"[:300]))
    return tally


def play_in_processes(first: int, stories: int, processes: int) -> Tally:
    """As `play_many`, spread over processes."""
    chunks = [range(start, min(start + CHUNK, first + stories)) for start in range(first, first + stories, CHUNK)]
    tally = Tally()
    # Unlike multiprocessing's Pool, which starts a dying child again for ever, this one raises.
    with ProcessPoolExecutor(processes, get_context("spawn"), _prepare) as pool:
        for part in pool.map(play_many, chunks):
            tally.merge(part)
    return tally


def write_counts(counts: dict[str, int]) -> None:
    """Leave what really ran for the table of faults."""
    facts = Facts("simulation")
    facts.counts.update(counts)
    facts.write()


def _prepare() -> None:
    catalogue()
    gc.collect()
    gc.freeze()  # what stays for ever is not looked through again and again
    gc.set_threshold(50_000, 10, 10)


@contextmanager
def quiet() -> Iterator[None]:
    """Nobody reads what thousands of stories log."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def main() -> int:
    """The command: exit 1 when a story failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many stories")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="play this one alone, and tell it")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        sys.stdout.write(f"{play(chosen.seed, is_told=True)}\n")
        return 0
    began = time.monotonic()
    tally = play_in_processes(chosen.first, chosen.seeds, chosen.processes)
    counts = tally.counts() | {"failures": len(tally.failures), "seconds": round(time.monotonic() - began)}
    write_counts(counts)
    sys.stdout.write(json.dumps(counts) + "\n")
    if tally.failures:
        sys.stdout.write(tally.complaint() + "\n")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
