"""Whatever arrives, in whatever order and however often: every measure equals plain arithmetic over the newest runs.

`RUNTALLY_QUERY_SEQUENCES` is how many sequences are tried, 20 to a batch; each has a workspace of its own.
"""

import os
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from api.door import Door, run
from api.query_oracle import STATUSES as SHOWN_STATUSES
from api.query_oracle import TAG, World, dimension, measures
from clickhouse.rolling_up import Until, drop_superseded, mark, merge, refresh
from runtally.events import RunFeedback, RunSnapshot
from runtally.fields import STATUSES
from runtally_clickhouse.catalogue import unix_ms
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.definitions import MEASURES
from runtally_clickhouse.rollup_levels import LEVELS
from runtally_consumer.decoding import DECODERS

from api import oracle

BATCH = 20
SEQUENCES = int(os.environ.get("RUNTALLY_QUERY_SEQUENCES", "200"))
# The clocks of Berlin go back on the 25th, Lord Howe is 10:30 or 11 hours ahead; Kathmandu 5:45.
FIRST, LAST, NOW = date(2026, 10, 23), date(2026, 10, 27), datetime(2026, 10, 27, 18, 20, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe")
OF_SINGLE_RUNS = ("user_id", "session_id", "has_cost", TAG)
DIMENSIONS = ("agent_id", "model", "status", "error_type", "is_root", "has_error", "hour", "weekday", *OF_SINGLE_RUNS)
GRANULARITIES = ("none", "none", "day", "hour", "week", "month", "quarter_hour")
COUNTS = (None, 0, 1, 7, 1000, 2**40, 2**53 - 1)
COSTS = (None, "0", "0.0000000005", "0.000000001", "1.005", "0.3", "999999999.999999999")
OF_RATINGS = ["avg_rating", "ratings", "ratings_1", "ratings_5"]
CELLS = [name for name, measure in MEASURES.items() if not measure.of_single_runs]


def sequence(draw: random.Random, workspace_id: str) -> list[dict[str, Any]]:
    """Snapshots of a few runs in any order: late, repeated, deleted, with clocks that lie."""
    snapshots = []
    for number in range(draw.randint(1, 6)):
        edge = draw.choice([0, 345, 630, 660, 900, 1320, 1335, 1380, 1439, 150]) + 1440 * draw.randint(-1, 5)
        jitter = draw.choice([draw.randint(-2, 2), draw.randint(0, 10**8)])
        started = datetime(2026, 10, 23, tzinfo=UTC) + timedelta(minutes=edge, milliseconds=jitter)
        snapshots += [_snapshot(draw, workspace_id, f"r{number}", started) for _ in range(draw.randint(1, 4))]
    snapshots += draw.choices(snapshots, k=draw.randint(0, 3))
    draw.shuffle(snapshots)
    return snapshots


def _snapshot(draw: random.Random, workspace_id: str, run_id: str, started: datetime) -> dict[str, Any]:
    def after(low_ms: int, high_ms: int) -> str | None:
        moment = started + timedelta(milliseconds=draw.randint(low_ms, high_ms))
        return draw.choice([None, moment.isoformat()])

    error = draw.choice(["", "Timeout", "Überlauf"])
    return run(
        run_id,
        workspace_id=workspace_id,
        agent_id=draw.choice(["planner", "coder"]),
        status=draw.choice(STATUSES),
        started_at=started.isoformat(),
        updated_at=(started + timedelta(seconds=draw.randint(0, 3))).isoformat(),
        finished_at=after(-2000, 5000),
        handed_off_at=after(0, 10**7),
        duration_ms=draw.choice([None, 0, 1, 49, 50, 51, draw.randint(0, 10**9), 2**53 - 1]),
        queue_ms=draw.choice([None, 0, draw.randint(0, 10**4)]),
        cost_usd=draw.choice(COSTS),
        credits=draw.choice(COSTS),
        user_id=draw.choice(["", "u1", "u2"]),
        session_id=draw.choice(["", "s1", "s2"]),
        model=draw.choice(["", "m-1", "m/2"]),
        parent_run_id=draw.choice(["", "r0"]),
        error_type=error,
        recovered=draw.choice([None, True, False]),
        recovery_ms=draw.choice([None, 0, 1500]),
        tags=draw.choice([{}, {"team": "red"}, {"team": "a'b\\"}]),
        deleted=draw.random() < 0.1,
        **{
            name: draw.choice(COUNTS)
            for name in (
                "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
                "llm_calls", "tool_calls", "files_modified", "retries",
            )
        },
    )  # fmt: skip


def store_in_pieces(door: Door, draw: random.Random, snapshots: list[dict[str, Any]]) -> list[RunSnapshot]:
    """Insert the snapshots in a few blocks, none of them ordered, and give them back.

    Between the steps of it refreshers come by, some of which crash, and clean-up; an insert whose mark was lost is
    delivered again.
    """
    store = door.publisher.store
    events = [RunSnapshot.model_validate(snapshot) for snapshot in snapshots]
    cuts = sorted(draw.sample(range(1, len(events)), 2))
    pieces = [events[: cuts[0]], events[cuts[0] : cuts[1]], events[cuts[1] :]]
    while pieces:
        piece = pieces.pop(0)
        decoder = DECODERS["agent-runs.v1"]
        decoded = decoder.decode([event.message_value() for event in piece])
        assert not decoded.rejected
        store.insert(decoder.table, decoded.table)
        _refresh(store, draw)
        if draw.random() < 0.3:  # a crash before the mark: the records are read again, perhaps after others
            pieces.insert(draw.randint(0, len(pieces)), piece)
            continue
        mark(store, (unix_ms(event.start) for event in piece), draw)
        _refresh(store, draw)
    return events


def _refresh(store: Store, draw: random.Random) -> None:
    if draw.random() < 0.6:
        refresh(store, draw, draw.choice(list(Until)), draw.choice([0.3, 0.7, 1.0]))
    if draw.random() < 0.3:
        drop_superseded(store, draw)
    if draw.random() < 0.2:
        tables = [table for level in LEVELS for table in (level.published, *level.written)]
        merge(store, *draw.sample(["agent_runs", "bucket_changes", *tables], 2))


def rate(door: Door, draw: random.Random, runs: list[RunSnapshot]) -> list[tuple[str, str, int]]:
    """Ratings of some runs, delivered twice."""
    said = [(draw.choice(runs), draw.randint(1, 5)) for _ in range(BATCH)]
    events = [
        RunFeedback.model_validate(
            {
                "feedback_id": f"f{number}",
                "run_id": rated.run_id,
                "workspace_id": rated.workspace_id,
                "agent_id": rated.agent_id,
                "user_id": "u1",
                "rating": rating,
                "created_at": rated.start.isoformat(),
            }
        )
        for number, (rated, rating) in enumerate(said)
    ]
    decoder = DECODERS["agent-feedback.v1"]
    for _ in range(2):
        door.publisher.store.insert(decoder.table, decoder.decode([event.message_value() for event in events]).table)
    return [(rated.workspace_id, rated.run_id, rating) for rated, rating in said]


def step_of(start: datetime, zone: ZoneInfo, granularity: str) -> tuple[str, float]:
    """When the step of a run begins, as an answer writes it, and how many minutes of it lie in the range."""
    first = datetime.combine(FIRST, datetime.min.time(), zone)
    last = datetime.combine(LAST + timedelta(days=1), datetime.min.time(), zone)
    local = start.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    match granularity:
        case "none":
            begin, end = first, last
        case "day":
            begin, end = midnight, midnight + timedelta(days=1)
        case "week":
            begin = midnight - timedelta(days=local.weekday())
            end = begin + timedelta(days=7)
        case "month":
            begin = midnight.replace(day=1)
            end = (begin + timedelta(days=32)).replace(day=1)
        case _:
            minutes = {"hour": 60, "quarter_hour": 15}[granularity]
            begin = local.replace(minute=local.minute - local.minute % minutes, second=0, microsecond=0)
            end = (begin.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(zone)
    inside = min(end.astimezone(UTC), last.astimezone(UTC)) - max(begin.astimezone(UTC), first.astimezone(UTC))
    text = begin.isoformat().replace("+00:00", "Z" if zone.key == "UTC" else "+00:00")
    return text, inside / timedelta(minutes=1)


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Equal to the last digit; percentiles within 1%."""
    for name, value in found.items():
        wanted = expected[name]
        if MEASURES[name].kind == "percentile" and wanted is not None:
            assert abs(value - wanted) <= 0.01 * wanted, (name, value, wanted)
        else:
            assert value == wanted, name


def questions(draw: random.Random) -> Iterator[tuple[str, str, str, list[str]]]:
    """A dimension, a zone, a granularity and measures: all of them, those of cells by what cells hold, and few of
    these, so that cells of hours and days may hold them, ratings too, which are counted beside cells.
    """
    yield draw.choice(DIMENSIONS), draw.choice(ZONES), draw.choice(GRANULARITIES), list(MEASURES)
    of_cells = DIMENSIONS[: -len(OF_SINGLE_RUNS)]
    yield draw.choice(of_cells), draw.choice(ZONES), draw.choice(GRANULARITIES), CELLS
    few = draw.sample(CELLS, 3) + draw.sample(OF_RATINGS, draw.randint(0, 2))
    yield draw.choice(of_cells), draw.choice(ZONES), draw.choice(GRANULARITIES[:4]), few


@pytest.mark.parametrize("seed", range(SEQUENCES // BATCH))
def test_every_measure_equals_plain_arithmetic(shared_door: Door, seed: int) -> None:
    draw = random.Random(seed)
    door = shared_door.reset()
    door.now = NOW
    workspaces = [f"q{seed}-{number}'\\" for number in range(BATCH)]
    snapshots = [snapshot for workspace in workspaces for snapshot in sequence(draw, workspace)]
    draw.shuffle(snapshots)
    everything = oracle.current(store_in_pieces(door, draw, snapshots))
    world = World(everything, rate(door, draw, everything), NOW)
    asked = {
        "filters": [{"dimension": "workspace_id", "op": "in", "values": workspaces}],
        "limit": 10_000,
    }
    for name, zone_name, granularity, names in questions(draw):
        zone = ZoneInfo(zone_name)
        time = {"from": str(FIRST), "to": str(LAST), "timezone": zone_name, "granularity": granularity}
        body = {**asked, "measures": names, "dimensions": ["workspace_id", name], "time": time}
        response = door.client.post("/api/v1/query", json=body)
        assert response.status_code == 200, response.text
        _check(response.json()["data"], world, name, zone, granularity, names)
        _check_the_rest(door, body, world, name, zone)
        if name not in OF_SINGLE_RUNS and names != list(MEASURES):
            _check_that_no_number_moves(door, draw, body)
            _check_statuses(door, draw, body, workspaces, world, zone)


def _check_that_no_number_moves(door: Door, draw: random.Random, body: dict[str, Any]) -> None:
    """Answers are equal, percentiles too, before and after all buckets have turned clean."""
    before = door.client.post("/api/v1/query", json=body).json()
    refresh(door.publisher.store, draw)
    assert refresh(door.publisher.store, draw) == 0
    after = door.client.post("/api/v1/query", json=body).json()
    assert after["data"] == before["data"]
    if body["measures"] == CELLS:
        assert after["meta"]["source"] == "mixed"  # running runs stall within one bucket, which is read raw


def _check_statuses(
    door: Door, draw: random.Random, body: dict[str, Any], workspaces: list[str], world: World, zone: ZoneInfo
) -> None:
    """The filter of a GET lets those runs through that the filter of a query does: by the status that is counted."""
    chosen = draw.sample(SHOWN_STATUSES, draw.randint(1, 3))
    expected = sum(dimension("status", one, world, one.start) in chosen for one in in_range(world, zone))
    days = {name: body["time"][name] for name in ("from", "to", "timezone")}
    totals = door.get("/api/v1/stats", **days, workspace_id=workspaces, status=chosen)["totals"]
    only = {"dimension": "status", "op": "in", "values": chosen}
    asked = {"measures": ["runs"], "filters": [*body["filters"], only], "time": days}
    queried = door.client.post("/api/v1/query", json=asked).json()["data"][0]
    listed = door.get("/api/v1/runs", **days, workspace_id=workspaces, status=chosen, limit=1000)["data"]
    assert (totals["runs"], queried["runs"], len(listed)) == (expected,) * 3
    assert sum(totals["status_counts"][status] for status in chosen) == expected


def in_range(world: World, zone: ZoneInfo) -> list[RunSnapshot]:
    return [run for run in world.runs if FIRST <= run.start.astimezone(zone).date() <= LAST]


def _check(
    rows: list[dict[str, Any]], world: World, name: str, zone: ZoneInfo, granularity: str, names: list[str]
) -> None:
    groups: dict[tuple[str, str, Any], list[RunSnapshot]] = {}
    minutes: dict[str, float] = {}
    for one in in_range(world, zone):
        step, minutes_of_step = step_of(one.start, zone, granularity)
        minutes[step] = minutes_of_step
        key = (step, one.workspace_id, dimension(name, one, world, one.start.astimezone(zone)))
        groups.setdefault(key, []).append(one)
    whole = next(iter(minutes), "")
    for row in rows:
        step = row.get("time", whole)
        runs = groups.pop((step, row["workspace_id"], row[name]), [])
        expected = measures(runs, world, minutes.get(step, 1.0))
        assert_same({measure: row[measure] for measure in names}, expected)
    assert not groups
    if granularity != "none":
        steps = list(dict.fromkeys(row["time"] for row in rows))
        assert len(rows) == len(steps) * len({(row["workspace_id"], row[name]) for row in rows})
        assert [datetime.fromisoformat(step) for step in steps] == sorted(map(datetime.fromisoformat, steps))


def _check_the_rest(door: Door, body: dict[str, Any], world: World, name: str, zone: ZoneInfo) -> None:
    """With two groups told apart, the rest is as if its runs were all there are."""
    time = {**body["time"], "granularity": "none"}
    order = [{"by": "cost_per_run_usd", "direction": "asc"}]
    measured = list(dict.fromkeys(["cost_per_run_usd", *body["measures"]]))
    asked = {**body, "measures": measured, "limit": 2, "time": time, "order": order}
    rows = door.client.post("/api/v1/query", json=asked).json()["data"]
    told = {(row["workspace_id"], row[name]) for row in rows if not row["other"]}
    rest = []
    for one in in_range(world, zone):
        key = (one.workspace_id, dimension(name, one, world, one.start.astimezone(zone)))
        rest += [] if key in told else [one]
    (found,) = [row for row in rows if row["other"]]
    _, minutes = step_of(NOW, zone, "none")
    assert_same({measure: found[measure] for measure in measured}, measures(rest, world, minutes))
