"""The generator: the same for the same seed, true to the contract, and without seams."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise, takewhile

import pytest
from cli.simulation.expected import truth_of
from hypothesis import given, settings
from hypothesis import strategies as st
from runtally.events import EVENTS, RunSnapshot, format_instant, format_money
from runtally.identity import is_uuid7, uuid7_started_at
from runtally.violations import decode_event
from runtally_cli.simulation.record import RUNS, TOPICS, Record, instant_text, money_text
from runtally_cli.simulation.roster import DEFAULT_FLEET
from runtally_cli.simulation.seasons import from_us, to_us
from runtally_cli.simulation.stream import future, live, live_timetable, records_between, simulate
from runtally_cli.simulation.timetable import InvalidTimetable, Timetable

END = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
OPEN = ("queued", "running")
MODELS = {model.topic: model for model in EVENTS}


def runs_in(records: Iterable[Record]) -> list[RunSnapshot]:
    return [decode_event(RunSnapshot, record.value) for record in records if record.topic == RUNS]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**63), hours=st.integers(1, 24 * 60), runs=st.integers(1, 400))
def test_the_same_arguments_give_the_same_bytes_and_exactly_the_runs_asked_for(
    seed: int, hours: int, runs: int
) -> None:
    start = END - timedelta(hours=hours)
    records = list(simulate(DEFAULT_FLEET, seed, start, END, runs))
    assert records == list(simulate(DEFAULT_FLEET, seed, start, END, runs))
    assert len({record.key for record in records if record.topic == RUNS}) == runs
    assert all(start <= record.event_time < END for record in records)


def test_another_seed_is_another_fleet() -> None:
    start = END - timedelta(days=1)
    one, other = (
        {record.key for record in simulate(DEFAULT_FLEET, seed, start, END, 300) if record.topic == RUNS}
        for seed in (1, 2)
    )
    assert not one & other


def test_every_value_is_the_canonical_value_of_its_event(month: list[Record]) -> None:
    for record in month:
        event = decode_event(MODELS[record.topic], record.value)
        assert event.message_value() == record.value
        assert event.message_key.encode() == record.key


def test_all_topics_come_in_order_of_time(month: list[Record]) -> None:
    assert {record.topic for record in month} == set(TOPICS)
    assert all(one.event_us <= next_.event_us for one, next_ in pairwise(month))


def test_a_snapshot_is_published_when_it_says(month: list[Record]) -> None:
    for record in month:
        if record.topic == RUNS:
            assert decode_event(RunSnapshot, record.value).updated_at == record.event_time


def test_both_forms_of_identity_occur_and_an_id_has_one_start(month: list[Record]) -> None:
    starts: dict[str, set[datetime | None]] = {}
    for run in runs_in(month):
        starts.setdefault(run.run_id, set()).add(run.started_at)
        if is_uuid7(run.run_id):
            assert run.started_at == uuid7_started_at(run.id)
    assert all(len(times) == 1 for times in starts.values())
    assert {is_uuid7(run_id) for run_id in starts} == {True, False}


def test_neighbouring_ranges_join_without_a_seam() -> None:
    start = END - timedelta(days=3)
    plan = Timetable(DEFAULT_FLEET, 3, start, END, 1500)
    borders = [start, END - timedelta(minutes=7), END, END + timedelta(hours=5), END + timedelta(hours=29)]
    parts = [record for since, until in pairwise(borders) for record in records_between(plan, since, until)]
    assert parts == list(records_between(plan, borders[0], borders[-1]))


def test_the_future_finishes_what_the_past_left_open() -> None:
    end = END - timedelta(days=1)  # a Friday, at work
    start, recently, until = end - timedelta(hours=6), end - timedelta(minutes=10), end + timedelta(hours=3)
    plan = Timetable(DEFAULT_FLEET, 3, start, end, 8000)
    before = truth_of(records_between(plan, start, end)).runs
    later = truth_of(records_between(plan, end, until)).runs
    open_runs = {key for key, run in before.items() if run.status in OPEN and run.start > recently}
    assert len(open_runs) > 5
    assert {key for key in open_runs if key in later and later[key].status not in OPEN} == open_runs
    upcoming = takewhile(lambda record: record.event_time < until, future(plan))
    assert list(upcoming) == list(records_between(plan, end, until))


def test_live_announces_every_run_before_it_ends() -> None:
    seen: dict[str, str] = {}
    for run in runs_in(islice(live(DEFAULT_FLEET, 5, END, 5000), 3000)):
        assert run.started_at is not None
        assert run.started_at >= END
        if run.status not in OPEN:
            assert seen[run.run_id] == "running" or seen[run.run_id] == run.status  # a hand-off told later
        seen[run.run_id] = run.status


def test_live_keeps_its_pace_over_a_week() -> None:
    plan = live_timetable(DEFAULT_FLEET, 5, END, 700)
    week = sum(plan.slot(plan.past_slots + day * 24 // plan.slot_hours + part).runs
               for day in range(7) for part in range(24 // plan.slot_hours))  # fmt: skip
    assert week == pytest.approx(4900, rel=0.2)


@pytest.mark.parametrize(
    ("start", "runs", "words"),
    [
        (END, 10, "hour"),
        (END - timedelta(days=367), 10, "366 days"),
        (END - timedelta(days=1), 0, "at least one run"),
    ],
)
def test_a_range_that_cannot_be_simulated_is_refused(start: datetime, runs: int, words: str) -> None:
    with pytest.raises(InvalidTimetable, match=words):
        simulate(DEFAULT_FLEET, 1, start, END, runs)


def test_a_year_back_is_possible() -> None:
    records = list(simulate(DEFAULT_FLEET, 1, END - timedelta(days=365), END, 2000))
    assert len({record.event_time.month for record in records}) == 12


@given(st.integers(1_420_070_400_000_000, 4_000_000_000_000_000))
def test_times_are_written_as_the_emitter_writes_them(us: int) -> None:
    assert instant_text(us) == format_instant(from_us(us))
    assert to_us(from_us(us)) == us


@given(st.integers(0, 10**18))
def test_money_is_written_as_the_emitter_writes_it(nano: int) -> None:
    assert money_text(nano) == format_money(Decimal(nano).scaleb(-9))
