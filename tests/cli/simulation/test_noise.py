"""Noise on request: as much as asked for, the same each time, and never a lie about the truth."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate
from random import Random

import pytest
from cli.simulation.expected import truth_of
from runtally.events import EVENTS, RunSnapshot
from runtally.violations import InvalidEvent, decode_event
from runtally_cli.simulation.bad_records import DEFECTS, broken
from runtally_cli.simulation.noise import QUIET, Noise, with_noise
from runtally_cli.simulation.record import RUNS, Record

MODELS = {model.topic: model for model in EVENTS}


def behind(records: Sequence[Record]) -> list[int]:
    """By record: how far it lies behind the newest one before it, in microseconds."""
    newest = accumulate((record.event_us for record in records), max)
    return [latest - record.event_us for latest, record in zip(newest, records, strict=True)]


def test_no_noise_changes_nothing(month: list[Record]) -> None:
    assert list(with_noise(month, QUIET, 1)) == month


def test_the_same_seed_makes_the_same_noise(month: list[Record]) -> None:
    noise = Noise(0.05, 0.05, 0.2, 0.02, 0.01)
    noisy = list(with_noise(month[:5000], noise, 1))
    assert noisy == list(with_noise(month[:5000], noise, 1))
    assert noisy != list(with_noise(month[:5000], noise, 2))


def test_duplicates_repeat_records_and_nothing_else(month: list[Record]) -> None:
    noisy = list(with_noise(month, Noise(duplicates=0.1), 1))
    assert len(noisy) - len(month) == pytest.approx(0.1 * len(month), rel=0.1)
    assert set(noisy) == set(month)


def test_late_records_come_much_later(month: list[Record]) -> None:
    noisy = list(with_noise(month, Noise(late=0.05), 1))
    assert Counter(noisy) == Counter(month)
    late = [delay for delay in behind(noisy) if delay > 0]
    assert len(late) == pytest.approx(0.05 * len(month), rel=0.15)
    assert max(late) > timedelta(hours=3) // timedelta(microseconds=1)


def test_shuffled_records_stay_near_their_place(month: list[Record]) -> None:
    noisy = list(with_noise(month, Noise(shuffled=0.5), 1))
    assert Counter(noisy) == Counter(month)
    assert noisy != month
    assert max(behind(noisy)) <= 30_000_000


def test_a_skewed_run_ends_before_it_starts_in_all_its_snapshots(month: list[Record]) -> None:
    runs = [
        decode_event(RunSnapshot, record.value)
        for record in with_noise(month, Noise(clock_skew=0.1), 1)
        if record.topic == RUNS
    ]
    ended = [run for run in runs if run.finished_at is not None]
    skewed = {run.run_id for run in ended if run.clock_skew}
    assert len(skewed) == pytest.approx(0.1 * len({run.run_id for run in ended}), rel=0.2)
    assert all(run.elapsed_ms is None for run in ended if run.run_id in skewed)


def test_bad_records_come_on_top_and_change_no_truth(month: list[Record]) -> None:
    part = month[:6000]
    noisy = list(with_noise(part, Noise(duplicates=0.1, late=0.1, shuffled=0.3, bad_records=0.1), 1))
    clean, dirty = truth_of(part), truth_of(noisy)
    assert dirty.rejected > 300
    assert (dirty.runs, dirty.ratings) == (clean.runs, clean.ratings)


@pytest.mark.parametrize("topic", sorted(MODELS))
@pytest.mark.parametrize("defect", sorted(DEFECTS))
def test_each_defect_is_refused(month: list[Record], topic: str, defect: str) -> None:
    value = next(record.value for record in reversed(month) if record.topic == topic)
    with pytest.raises(InvalidEvent):
        decode_event(MODELS[topic], DEFECTS[defect](topic, value))


def test_all_defects_occur(month: list[Record]) -> None:
    rng, record = Random(1), month[100]
    found = {broken(record, rng).value for _ in range(2000)}
    assert found == {defect(record.topic, record.value) for defect in DEFECTS.values()}


def test_a_share_is_a_share() -> None:
    with pytest.raises(ValueError, match="duplicates"):
        Noise(duplicates=1.5)
