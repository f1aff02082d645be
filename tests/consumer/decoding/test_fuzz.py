"""Drawn chunks of records, good and bad: none crashes the decoder, no good one is lost, no bad one is counted.

`make fuzz ARGS='--seconds 600'` looks longer.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from consumer.decoding.fuzz import play
from consumer.decoding.mutations import draw_chunk
from consumer.decoding.oracle import check
from consumer.samples import ACTIVITY, FEEDBACK, LIFECYCLE, RUNS, run_value

TESTS = Path(__file__).parents[2]
CHUNKS = int(os.environ.get("RUNTALLY_FUZZ_CHUNKS", "60"))
SECONDS = 15
COUNTED = (
    "0.0000001",
    "1e-77",
    "1e-111",
    "-1e-77",
    "1e22",
    "1e39",
    "1" + "0" * 22,
    "3.0",
    "12e-1",
    "1E5",
    "12345678901234567.0",
)
PAID = (
    "3e-05",
    "1e-111",
    "1e39",
    "5e49",
    "12e59",
    "1" + "0" * 45,
    "7" * 60,
    "0." + "3" * 40,
    "1.5e-19",
    "1e+19",
    "1e20",
)


def test_drawn_chunks_decode_as_the_model_says(tmp_path: Path) -> None:
    """In a process of its own, other seeds each time: should it die, the seed is told all the same."""
    first, trail = Random().randrange(2**32), tmp_path / "seed"
    arguments = ["--first", str(first), "--chunks", str(CHUNKS), "--seconds", str(SECONDS), "--trail", str(trail)]
    told = subprocess.run(
        [sys.executable, "-m", "consumer.decoding.fuzz", *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    seed = trail.read_text() if trail.exists() else "none"
    assert told.returncode == 0, f"make fuzz ARGS='--seed {seed}'\n{told.stdout}\n{told.stderr}"


def test_a_seed_draws_the_same_chunk_and_all_kinds_are_drawn() -> None:
    chunks = [draw_chunk(Random(seed)) for seed in range(40)]
    assert chunks == [draw_chunk(Random(seed)) for seed in range(40)]
    assert {chunk.topic for chunk in chunks} == {RUNS, FEEDBACK, LIFECYCLE, ACTIVITY}
    shares = [len(chunk.good) / len(chunk.values) for chunk in chunks]
    assert 0.0 in shares
    assert 1.0 in shares
    counts = Counter[str]()
    for seed in range(15):
        counts += play(seed)
    assert counts["untouched"] < counts["accepted"] < counts["records"]  # what is broken may still be good


@pytest.mark.parametrize("field", ["input_tokens", "recovery_ms", "cost_usd", "credits"])
def test_numbers_that_arrow_reads_wrongly_are_the_models_to_read(field: str) -> None:
    """Its decimals wrap around where an exponent, or many digits, go beyond their width."""
    texts = COUNTED if field in ("input_tokens", "recovery_ms") else (*PAID, *(f'"{text}"' for text in PAID))
    for text in texts:
        # The other makes the columns wide.
        wide = run_value(2, cost_usd=1.5, input_tokens=3.0)
        value = run_value(1)[:-1] + f',"{field}":{text}}}'.encode()
        check([wide, value, wide])
    check([run_value(1)[:-1] + f',"{field}":{text}}}'.encode() for text in texts])


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_how_deep_an_ignored_field_may_be_is_the_models_to_say(brackets: str) -> None:
    for depth in range(30, 70):
        opening, closing = ("[", "]") if brackets == "[]" else ('{"a":', "}")
        nested = (opening * depth + "1" + closing * depth).encode()
        check([run_value(1), run_value(2)[:-1] + b',"details":' + nested + b"}", run_value(3)])
