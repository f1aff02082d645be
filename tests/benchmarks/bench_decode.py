"""How many runs a second one core decodes: the columnar path against the model, on the same messages.

Hypothesis: at least 200 thousand clean runs a second (25 fields, three tags, 680 bytes) where the model does
less than a fifth of it; and at least 100 thousand with one bad message in a hundred.

Prints one line of JSON. `python tests/benchmarks/bench_decode.py [runs]`
"""

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from runtally.events import RunSnapshot, format_instant
from runtally.identity import mint_uuid7
from runtally_consumer.decoding import Decoded, decode_runs
from runtally_consumer.decoding.admission import Admitted, admit
from runtally_consumer.decoding.json_columns import key_counts, read_columns
from runtally_consumer.decoding.key_shapes import key_starts
from runtally_consumer.decoding.reference import decode_by_model
from runtally_consumer.decoding.run_fields import COLUMN_FIELDS, Width, decode_probe, json_schema
from runtally_consumer.decoding.runs import CHUNK_ROWS
from runtally_consumer.decoding.schemas import AGENT_RUNS
from runtally_consumer.decoding.tag_columns import tag_column
from runtally_consumer.decoding.versions import content_hashes

ROUNDS = 5
BAD: Sequence[dict[str, object]] = (
    {"input_tokens": -1},
    {"input_tokens": "12"},
    {"cost_usd": "n/a"},
    {"updated_at": "yesterday"},
    {"status": "done"},
    {"tags": {"attempt": 1}},
    {"agent_id": None},
)


def run_messages(count: int, seed: int = 1) -> list[dict[str, object]]:
    """Runs as a fleet sends them."""
    chance = random.Random(seed)
    return [_run(at, chance) for at in range(count)]


def _run(at: int, chance: random.Random) -> dict[str, object]:
    start = datetime(2026, 11, 21, tzinfo=UTC) + timedelta(milliseconds=7 * at)
    return {
        "run_id": str(mint_uuid7(start, chance.getrandbits)),
        "workspace_id": f"ws-{at % 50}",
        "agent_id": f"agent-{at % 200}",
        "agent_name": f"Agent {at % 200}",
        "status": chance.choice(("succeeded", "succeeded", "failed", "running")),
        "updated_at": format_instant(start + timedelta(microseconds=2_000_001)),
        "started_at": format_instant(start + timedelta(microseconds=17)),
        "finished_at": format_instant(start + timedelta(microseconds=1_900_001)),
        "duration_ms": 1900,
        "queue_ms": 12,
        "provider": "anthropic",
        "model": "claude-sonnet-4",
        "agent_version": "1.4.2",
        "environment": "production",
        "trigger": "api",
        "user_id": f"user-{at % 5000}",
        "session_id": f"session-{at % 20000}",
        "trace_id": f"{chance.getrandbits(128):032x}",
        "input_tokens": chance.randrange(20_000),
        "output_tokens": chance.randrange(4_000),
        "cache_read_tokens": chance.randrange(9_000),
        "cost_usd": f"{chance.random():.7f}",
        "llm_calls": chance.randrange(20),
        "tool_calls": chance.randrange(20),
        "tags": {"team": f"t{at % 9}", "region": "eu-west-1", "tier": "gold"},
    }


def encode(messages: Sequence[dict[str, object]]) -> list[bytes]:
    """The messages as values of Kafka."""
    return [json.dumps(message, separators=(",", ":")).encode() for message in messages]


def runs_per_second(decode: Callable[[Sequence[bytes | None]], Decoded], values: Sequence[bytes]) -> float:
    """Per second of CPU, all threads together: the machine has other work. The best of a few rounds."""
    decode(values[:100])
    seconds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        decode(values)
        seconds.append(time.process_time() - before)
    return len(values) / min(seconds)


def split(values: Sequence[bytes], whole: float) -> dict[str, float]:
    """Microseconds of CPU a run: the steps that cost most, each by itself, and what is left of the `whole`."""
    chunks = [admit(values, start, min(start + CHUNK_ROWS, len(values))) for start in range(0, len(values), CHUNK_ROWS)]
    schema = json_schema([name for name in key_starts(values[0]) if name in COLUMN_FIELDS], Width.NARROW)
    steps: dict[str, Callable[[Admitted], object]] = {
        "json_columns": lambda chunk: read_columns(chunk.lines, len(chunk.values), schema),
        "probe": lambda chunk: list(map(decode_probe, chunk.values)),
        "sha256": lambda chunk: content_hashes(chunk.values),
        "keys": lambda chunk: key_counts(chunk.lines, list(map(len, chunk.values))),
        "tags": lambda chunk: tag_column([bytes(probe.tags) for probe in chunk.probes]),
    }
    figures = {name: round(1e6 * _cpu(step, chunks) / len(values), 2) for name, step in steps.items()}
    return figures | {"rest": round(whole - sum(figures.values()), 2)}


def _cpu(step: Callable[[Admitted], object], chunks: Sequence[Admitted]) -> float:
    """The seconds of the best of a few rounds."""
    seconds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for chunk in chunks:
            step(chunk)
        seconds.append(time.process_time() - before)
    return min(seconds)


def measure(count: int) -> dict[str, object]:
    """All figures, in thousands of runs a second; where the time of the fast path goes, in microseconds a run."""
    messages = run_messages(count)
    clean = encode(messages)

    def changed(every: int, changes: Sequence[dict[str, object]]) -> list[bytes]:
        return encode(
            [
                message | changes[at // every % len(changes)] if at % every == 0 else message
                for at, message in enumerate(messages)
            ]
        )

    def by_model(values: Sequence[bytes | None]) -> Decoded:
        return decode_by_model(RunSnapshot, AGENT_RUNS, values)

    fast = runs_per_second(decode_runs, clean)
    model = runs_per_second(by_model, clean[: max(1, count // 10)])
    figures = {
        "fast": fast,
        "model": model,
        "fast_1_percent_bad": runs_per_second(decode_runs, changed(100, BAD)),
        "fast_unknown_fields": runs_per_second(decode_runs, changed(1, ({"host": "h", "attempt": 3},))),
        "fast_explicit_nulls": runs_per_second(decode_runs, changed(1, ({"error_type": None, "credits": None},))),
        "fast_float_costs": runs_per_second(decode_runs, changed(1, ({"cost_usd": 0.1 + 0.2},))),
        "fast_float_counts": runs_per_second(decode_runs, changed(1, ({"queue_ms": 3.0},))),
        "fast_given_ids": runs_per_second(
            decode_runs, encode([message | {"run_id": f"run-{at}"} for at, message in enumerate(messages)])
        ),
    }
    return {
        **{f"{name}_k_per_s": round(figure / 1000, 1) for name, figure in figures.items()},
        "fast_us_per_run": split(clean, 1e6 / fast),
        "ratio": round(fast / model, 1),
        "runs": count,
        "bytes": round(sum(map(len, clean)) / count),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)) + "\n")
