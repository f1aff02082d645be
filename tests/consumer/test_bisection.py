"""The search for bad rows: finds exactly them, at a bounded cost, and blames nobody in an outage."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtally_consumer.bisection import Bisection, NotBadData, TooManyRefused, TryControl, TryRows


def searched(rows: int, bad: set[int]) -> tuple[Bisection, list[TryRows | TryControl]]:
    """The search at its end, and the steps it took."""
    bisection, steps = Bisection(rows, "refused"), []
    while (step := bisection.next_step()) is not None:
        steps.append(step)
        if isinstance(step, TryRows) and bad & set(range(step.first, step.end)):
            bisection.refused(f"no {step.first}")
        else:
            bisection.accepted()
    return bisection, steps


@given(rows=st.integers(1, 400), data=st.data())
def test_exactly_the_bad_rows_die_and_every_other_is_accepted(rows: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, rows - 1), max_size=20))
    bisection, steps = searched(rows, bad)
    accepted = {
        row for step in steps if isinstance(step, TryRows) for row in range(step.first, step.end)
        if not bad & set(range(step.first, step.end))
    }  # fmt: skip
    assert bisection.dead == {row: f"no {row}" for row in bad}
    assert accepted == set(range(rows)) - bad


@pytest.mark.parametrize(("rows", "dead"), [(1, 1), (50_000, 1), (50_000, 30), (4_096, 64)])
def test_the_cost_is_bounded(rows: int, dead: int) -> None:
    _, steps = searched(rows, {number * (rows // dead) for number in range(dead)})
    assert len(steps) <= 2 * dead * (1 + math.ceil(math.log2(rows / dead))) + 2 * dead


def test_between_the_two_refusals_of_each_dead_row_a_known_good_row_was_accepted() -> None:
    _, steps = searched(8, {2, 5})
    for row in (2, 5):
        first, second = (number for number, step in enumerate(steps) if step == TryRows(row, row + 1))
        assert TryControl() in steps[first:second]


def test_a_row_that_passes_the_second_time_is_no_dead_letter() -> None:
    bisection = Bisection(1, "refused")
    assert bisection.next_step() == TryControl()
    bisection.accepted()
    assert bisection.next_step() == TryRows(0, 1)
    bisection.accepted()
    assert bisection.next_step() is None
    assert bisection.dead == {}


def test_a_known_good_row_that_is_refused_ends_the_search_without_a_dead_letter() -> None:
    bisection = Bisection(1, "refused")
    with pytest.raises(NotBadData, match="known-good row: wrong type"):
        bisection.refused("wrong type")
    assert bisection.dead == {}


def test_a_step_whose_fate_is_not_known_comes_again() -> None:
    bisection = Bisection(4, "refused")
    assert bisection.next_step() == bisection.next_step() == TryRows(0, 2)


@pytest.mark.parametrize(("rows", "bad"), [(100, 100), (1000, 100), (10_000, 501)])
def test_too_many_bad_rows_are_a_bad_deploy(rows: int, bad: int) -> None:
    with pytest.raises(NotBadData, match=f"{bad} rows or more of a batch of {rows}"):
        searched(rows, set(range(bad)))


@pytest.mark.parametrize(("rows", "bad"), [(99, 99), (2000, 100)])
def test_fewer_are_bad_data(rows: int, bad: int) -> None:
    bisection, _ = searched(rows, set(range(bad)))
    assert len(bisection.dead) == bad


def test_who_tells_what_is_too_much_ends_the_search_once_a_known_good_row_was_accepted() -> None:
    bisection = Bisection(1000, "refused", lambda rows: len(rows) >= 10)
    while (step := bisection.next_step()) != TryControl():
        assert isinstance(step, TryRows)
        bisection.refused("no")
    with pytest.raises(TooManyRefused) as raised:
        bisection.accepted()
    assert raised.value.rows == list(range(10))


def test_too_many_and_a_known_good_row_refused_are_the_tables_fault() -> None:
    bisection = Bisection(2, "refused", lambda rows: True)
    bisection.refused("no")
    assert bisection.next_step() == TryControl()
    with pytest.raises(NotBadData, match="known-good row"):
        bisection.refused("no")
