"""Drawn runs of three days of which some are rolled up, drawn questions about them, and whether two answers agree."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from clickhouse.rolling_up import Until, drop_superseded, mark, refresh
from clickhouse.runs import insert
from runtally.events import RunSnapshot
from runtally_clickhouse.catalogue import RunFilters, RunScope, unix_ms
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits, Relation
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.state_first import StateFirst
from runtally_clickhouse.measures.time_steps import TimeSteps, make_steps

FIRST = datetime(2026, 11, 2, tzinfo=UTC)
ROLLED_UP, ONE_BY_ONE = Limits(2**31, 10_000), Limits(2**31, 10_000, use_rollups=False)
DrawnQuestion = Callable[[random.Random, TimeSteps], tuple[Question, RunScope]]


def fill(store: Store, draw: random.Random, drawn_run: Callable[[random.Random, str, datetime], RunSnapshot]) -> None:
    """Runs of three days; some buckets up to date, some not."""
    for batch in range(5):
        starts = [FIRST + timedelta(minutes=15 * draw.randrange(288), seconds=draw.randrange(900)) for _ in range(40)]
        insert(store, *(drawn_run(draw, f"r{batch}-{number}", start) for number, start in enumerate(starts)))
        mark(store, map(unix_ms, starts), draw)
        if batch in (1, 3):
            refresh(store, draw, draw.choice((Until.PUBLISHED, Until.TWICE)), draw.choice((0.6, 1.0)))
            drop_superseded(store, draw)


def _drawn_steps(draw: random.Random) -> TimeSteps:
    """Of buckets' ends and between them, in three time zones."""
    start = FIRST + timedelta(minutes=draw.choice((0, 0, 7, 600)))
    end = FIRST + timedelta(hours=draw.choice((24, 72, 71)), minutes=draw.choice((0, 15, 31)))
    zone = ZoneInfo(draw.choice(("UTC", "Europe/Berlin", "Asia/Kathmandu")))
    return make_steps(start, end, zone, draw.choice(("none", "none", "day", "hour")))


def drawn_filters(draw: random.Random, root_runs: RunFilters) -> RunFilters:
    return draw.choice(
        (
            *(RunFilters(),) * 2,
            RunFilters(workspace_id=("acme",), agent_id=("a", "b"), user_id=("u1", "u2")),
            root_runs,
            RunFilters(status=("failed", "running", "stalled")),
        )
    )


def assert_told_alike(store: Store, draw: random.Random, drawn: DrawnQuestion, relation: Relation) -> None:
    """A dozen questions, each told from that relation and from single runs; some of runs that are rolled up in part."""
    sources = set()
    for _ in range(12):
        question, scope = drawn(draw, _drawn_steps(draw))
        reader = draw.choice((store, StateFirst(store, 60.0)))
        found, truth = (ask_question(reader, question, scope, limits) for limits in (ROLLED_UP, ONE_BY_ONE))
        assert (found.relation, truth.relation) == (relation, Relation.SINGLE_RUNS), question
        assert (found.rows, found.totals, found.runs, found.began) == (
            truth.rows,
            truth.totals,
            truth.runs,
            truth.began,
        ), question
        sources.add(found.source)
    assert "mixed" in sources
