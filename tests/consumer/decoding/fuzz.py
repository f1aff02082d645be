"""Decodes drawn chunks of records and compares each with the model, for as many chunks or seconds as asked.

make fuzz ARGS='--seconds 600'
make fuzz ARGS='--seed 4711'

In a process of its own, which may die: before each chunk its seed is written where the last one can be read.
"""

import argparse
import faulthandler
import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from unittest.mock import patch

from chaos.facts import Facts
from consumer.decoding.mutations import Chunk, draw_chunk
from consumer.decoding.oracle import check
from consumer.samples import numbered
from runtally_consumer.dead_letters import DeadLetter, mirror_rows
from runtally_consumer.decoding import DECODERS, Decoded, coalesce, runs
from runtally_consumer.records import Partition

CHUNK_ROWS = (1, 3, 32, 8192, 8192, 8192)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def play(seed: int) -> Counter[str]:
    """One chunk: decoded, compared, coalesced, its refused records made dead letters. Returns what it came to."""
    random = Random(seed)
    chunk = draw_chunk(random)
    with patch.object(runs, "CHUNK_ROWS", random.choice(CHUNK_ROWS)):
        decoded = check(chunk.values, decoder=DECODERS[chunk.topic], good=chunk.good)
    table, _ = coalesce(decoded.table, decoded.rows)
    assert table.num_rows <= decoded.accepted
    _letters(chunk, decoded)
    counts = Counter(chunks=1, records=len(chunk.values), untouched=len(chunk.good))
    return counts + Counter(accepted=decoded.accepted, dead=len(decoded.rejected))


def _letters(chunk: Chunk, decoded: Decoded) -> None:
    """What was refused can be kept, mirrored and counted, whatever its sender put into it."""
    partition, records = Partition(chunk.topic, 0), numbered(chunk.values)
    letters = [DeadLetter(partition, records[item.index], item.violations) for item in decoded.rejected]
    for letter in letters:
        kept = letter.as_message(300_000)
        assert kept.value == letter.record.value or len(letter.record.value or b"") > 200_000
        assert letter.fault
    if letters:
        mirror_rows("cluster", letters, NOW).validate(full=True)


def fuzz(first: int, chunks: int, seconds: float, trail: Path | None) -> tuple[Counter[str], str | None]:
    """Chunk after chunk; the first that fails ends it. Returns the counts, and the failure with its seed."""
    counts: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    for seed in range(first, first + chunks):
        if time.monotonic() >= deadline:
            break
        if trail is not None:
            trail.write_text(str(seed))
        try:
            counts += play(seed)
        except Exception as error:  # whatever it is, the seed tells it again
            return counts, f"make fuzz ARGS='--seed {seed}'  # {type(error).__name__}: {error}"[:2000]
    return counts, None


def main() -> int:
    """The command: exit 1 when a chunk failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=10**9, help="how many chunks at most")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long at most")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this one alone")
    parser.add_argument("--trail", type=Path, help="a file for the seed that is being played")
    chosen = parser.parse_args()
    faulthandler.enable()
    if chosen.seed is not None:
        sys.stdout.write(json.dumps(play(chosen.seed)) + "\n")
        return 0
    began = time.monotonic()
    counts, failure = fuzz(chosen.first, chosen.chunks, chosen.seconds, chosen.trail)
    told = {**counts, "failures": int(failure is not None), "seconds": round(time.monotonic() - began)}
    facts = Facts("fuzz")
    facts.counts.update(told)
    facts.write()
    sys.stdout.write(json.dumps({"first_seed": chosen.first, **told}) + "\n")
    if failure:
        sys.stdout.write(failure + "\n")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
