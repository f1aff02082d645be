"""The newest runs window by window: as if all had been read, at the same place of every page."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse.rolling_up import mark, refresh
from clickhouse.runs import insert, scope, snapshot
from runtally_clickhouse.catalogue import RunQuestion, RunScope, ask
from runtally_clickhouse.client import Row, Store
from runtally_clickhouse.held_hours import Held, stretches
from runtally_clickhouse.run_lists import LastRun, ListFilters, list_parameters, newest_runs

LAST = datetime(2026, 11, 21, 9, tzinfo=UTC)
SCOPES = [scope(), scope("acme"), scope(agent_id=("rare",)), scope(status=("stalled",)), scope(user_id=("nobody",))]


def all_read(store: Store, asked: RunScope, limit: int, filters: ListFilters = ListFilters()) -> list[Row]:  # noqa: B008
    """In one statement."""
    return ask(store, RunQuestion.RUNS_NEWEST_FIRST, asked, list_parameters(filters, limit))


@pytest.mark.parametrize("seed", range(2))
def test_windows_give_what_one_statement_gives(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    insert(
        store,
        *(
            snapshot(
                f"r{number}",
                workspace_id=draw.choice(["acme", "other"]),
                agent_id=draw.choice(["planner", "planner", "rare"]),
                status=draw.choice(["succeeded", "running"]),
                session_id=draw.choice(["s1", "s2"]),
                deleted=draw.random() < 0.2,
                started_at=(LAST - timedelta(hours=draw.random() ** 3 * 2000)).isoformat(),
            )
            for number in range(60)
        ),
    )
    for asked in SCOPES:
        for filters in (ListFilters(), ListFilters(session_id=("s1",))):
            for limit in (1, 7, 100):
                assert newest_runs(store, asked, filters, limit) == all_read(store, asked, limit, filters)
    (second,) = all_read(store, scope(), 2)[1:]
    started_ms = round(second["started_at"].replace(tzinfo=UTC).timestamp() * 1000)
    place = LastRun(started_ms, second["run_id"], second["workspace_id"])
    assert newest_runs(store, scope(), ListFilters(), 5, place) == all_read(store, scope(), 7)[2:]


SPARSE = [*SCOPES, scope(status=("queued",)), scope(status=("running",)), scope("acme", status=("queued", "stalled"))]
BY_VERSION = ListFilters(agent_version=("2",))


@pytest.mark.parametrize("seed", range(2))
def test_hours_that_cells_tell_hold_what_all_hours_do(store: Store, seed: int) -> None:
    """Rolled up in part or whole, whatever lies between them; with filters that cells know, and that they do not."""
    draw = random.Random(seed)
    starts = [LAST - timedelta(hours=draw.random() ** 3 * 4000) for _ in range(80)]
    runs = []
    for at, start in enumerate(starts):
        fields = {"status": draw.choice(["succeeded"] * 6 + ["running", "queued"]), "started_at": start.isoformat()}
        of = {"workspace_id": draw.choice(["acme", "other"]), "agent_version": draw.choice(["1", "1", "1", "2"])}
        runs.append(snapshot(f"r{at}", session_id=draw.choice(["s1", "s2"]), **fields, **of))
    insert(store, *runs)
    for share in (0.5, 1.0):
        mark(store, [round(start.timestamp() * 1000) for start in starts], draw)
        refresh(store, draw, share=share)
        for asked in SPARSE:
            filters = draw.choice([ListFilters(), BY_VERSION, ListFilters(session_id=("s1",))])
            limit = draw.choice([1, 7, 100])
            truth = all_read(store, asked, limit, filters)
            assert newest_runs(store, asked, filters, limit) == truth
            assert newest_runs(store, asked, filters, limit, use_rollups=False) == truth


class Noting:
    """Notes the windows of lists that are read."""

    def __init__(self, store: Store) -> None:
        self.store, self.windows, self.cells = store, list[tuple[int, int]](), 0

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        if "has_cursor" in parameters:
            self.windows.append((int(str(parameters["from_ms"])), int(str(parameters["to_ms"]))))
        elif "from_ms" in parameters:
            self.cells += 1
        return self.store.query(sql, parameters)


def test_a_list_of_what_is_rare_reads_the_hours_that_hold_it(store: Store) -> None:
    """Of a hundred days with runs in each, those of one hour; and none, where there is none at all."""
    queued = LAST - timedelta(days=60, minutes=7)
    many = [snapshot(f"d{day}", started_at=(LAST - timedelta(days=day)).isoformat()) for day in range(100)]
    insert(store, *many, snapshot("waits", status="queued", started_at=queued.isoformat()))
    reader = Noting(store)
    (found,) = newest_runs(reader, scope(status=("queued",)), ListFilters(), 10)
    assert found["external_id"] == "waits"
    assert (len(reader.windows), reader.cells) == (3, 1)
    hour_ms = 3_600_000
    assert reader.windows[2][1] - reader.windows[2][0] == hour_ms
    assert reader.windows[2][0] == round(queued.timestamp() * 1000) // hour_ms * hour_ms
    reader = Noting(store)
    assert newest_runs(reader, scope(status=("timed_out",)), ListFilters(), 10) == []
    assert (len(reader.windows), reader.cells) == (2, 1)
    reader = Noting(store)
    assert len(newest_runs(reader, scope(user_id=("nobody",), model=("m",)), ListFilters(), 10)) == 0
    assert reader.cells == 0, "no cells know users and models"


def test_decades_between_two_runs_take_few_statements(store: Store) -> None:
    insert(store, *(snapshot(f"of-{year}", started_at=f"{year}-01-01T00:00:00Z") for year in (2015, 2026, 2099)))
    reader = Noting(store)
    found = newest_runs(reader, scope(), ListFilters(), 10)
    assert [row["external_id"] for row in found] == ["of-2099", "of-2026", "of-2015"]
    assert len(reader.windows) + reader.cells < 20


def hour(at: int, runs: int = 1) -> Held:
    return Held(LAST + timedelta(hours=at), LAST + timedelta(hours=at + 1), runs)


def test_stretches_are_the_hours_joined() -> None:
    hours = [hour(9), hour(8, 5), hour(7), hour(3), hour(-1), hour(-2)]
    told = [(each.start.hour - 9, each.runs) for each in stretches(hours, 100)]
    assert told == [(7, 7), (3, 1), (-2, 2)]
    assert [each.runs for each in stretches([hour(-at) for at in range(30)], 2)] == [2, 8, 20]
    assert [each.runs for each in stretches([], 2)] == []
    scattered = list(stretches([hour(-2 * at) for at in range(1000)], 10**6))
    assert (len(scattered), sum(each.runs for each in scattered)) == (31, 1000)
    assert scattered[-1].start == hour(-1998).start


def test_an_empty_store_has_none(store: Store) -> None:
    assert newest_runs(store, scope(), ListFilters(), 5) == []
