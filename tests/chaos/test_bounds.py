"""What holds answers against their bounds finds each way of being wrong."""

import random
from decimal import Decimal

import pytest
from chaos.bounds import Counted, Tally, outside, repeated
from chaos.fleet import Fleet
from chaos.loop_thread import LoopThread
from runtally.events import RunSnapshot

from api import oracle

LEAST = Counted(runs=5, ended=4, tokens=100, cost_usd=Decimal("1.5"))
MOST = Counted(runs=9, ended=8, tokens=300, cost_usd=Decimal("2.5"))


@pytest.mark.parametrize(
    ("figure", "wrong"),
    [
        ("runs", 4),
        ("runs", 10),
        ("ended", 9),
        ("tokens", 99),
        ("tokens", 301),
        ("cost_usd", Decimal("2.500000001")),
        ("cost_usd", Decimal("1.499999999")),
    ],
)
def test_a_figure_outside_its_bounds_is_told(figure: str, wrong: int | Decimal) -> None:
    assert outside(LEAST, {"runs": 7, figure: wrong}, MOST) == [
        f"{figure}: {wrong} answered, acknowledged {getattr(LEAST, figure)}, published {getattr(MOST, figure)}"
    ]


def test_the_bounds_themselves_are_right_answers() -> None:
    for one in (LEAST, MOST):
        assert not outside(LEAST, {"runs": one.runs, "tokens": one.tokens, "cost_usd": one.cost_usd}, MOST)


def test_a_run_listed_twice_is_told() -> None:
    assert repeated(["a", "b", "a"]) == ["a"]


def test_a_tally_of_all_equals_the_oracle_in_any_order_and_only_grows(histories: list[RunSnapshot]) -> None:
    runs = oracle.current(histories)
    tally = Tally()
    before = tally.counted
    for snapshot in random.Random(5).sample(histories * 2, 2 * len(histories)):
        tally.add([snapshot])
        now = tally.counted
        assert (now.runs, now.ended, now.tokens, now.cost_usd) >= (before.runs, before.ended, 0, Decimal(0))
        assert now.tokens >= before.tokens
        assert now.cost_usd >= before.cost_usd
        before = now
    assert before == Counted(
        runs=len(runs),
        ended=sum(run.status != "running" for run in runs),
        tokens=sum(oracle.tokens(run) or 0 for run in runs),
        cost_usd=sum((run.cost_usd or Decimal(0) for run in runs), Decimal(0)),
    )


@pytest.fixture
def histories() -> list[RunSnapshot]:
    thread = LoopThread("nobody")
    thread.close()
    fleet = Fleet("", "bounds", thread, random.Random(4))
    return [one for _ in range(40) for one in fleet._history()]
