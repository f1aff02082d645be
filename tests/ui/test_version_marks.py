"""First sights of versions: which are in the period, on which step they stand, and which of their labels have room."""

from datetime import UTC, datetime, timedelta
from typing import Any

from runtally_ui.answers import QueryAnswer
from runtally_ui.chart_data import Palette
from runtally_ui.drawing import named_spec
from runtally_ui.filters import Filters
from runtally_ui.page import Asked
from runtally_ui.periods import LONGEST_DAYS, days_period
from runtally_ui.trend_data import Series, steps, trend_frame
from runtally_ui.trends import Look, line_trend
from runtally_ui.version_marks import Sight, first_sights, versions_question, with_marks

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PERIOD = days_period(NOW.date() - timedelta(days=29), NOW.date(), "Europe/Berlin")
RATE = Series("failure_rate", "share", "Failure rate")
PALETTE = Palette({("acme", "a"): "Planner"}, {})


def version(version: str, first: str, **cells: Any) -> dict[str, Any]:
    return {"workspace_id": "acme", "agent_id": "a", "agent_version": version, "first_run_at": first, **cells}


def trend(days: int = 30) -> QueryAnswer:
    first = datetime.combine(PERIOD.first, datetime.min.time(), PERIOD.start.tzinfo)
    data = [{"time": (first + timedelta(days=day)).isoformat(), "runs": 9, "failure_rate": 0.1} for day in range(days)]
    return QueryAnswer.model_validate({"data": data, "meta": {"granularity": "day"}})


def test_only_first_sights_within_the_period_count_by_the_clock_of_the_question() -> None:
    rows = [
        version("2.0", "2026-11-10T23:30:00Z"),
        version("1.9", "2026-09-01T00:00:00Z"),
        version("2.1", "2026-10-23T00:00:00Z", agent_id="unheard of"),
        {"other": True, "agent_version": None, "first_run_at": "2026-11-10T00:00:00Z"},
    ]
    found = first_sights(QueryAnswer.model_validate({"data": rows}), PALETTE, PERIOD)
    assert [(sight.at.isoformat(), sight.name) for sight in found] == [
        ("2026-10-23T02:00:00", "unheard of 2.1"),
        ("2026-11-11T00:30:00", "Planner 2.0"),
    ]


def test_a_version_is_looked_for_before_the_period_whatever_became_of_its_runs() -> None:
    asked = Asked(PERIOD, Filters(status=("failed",), agent_id=("a",)), None, "auto", NOW)
    body = versions_question(asked).body()
    assert (body["time"]["from"], body["time"]["to"]) == ("2026-07-25", "2026-11-21")
    assert {entry["dimension"] for entry in body["filters"]} == {"agent_id", "agent_version"}
    longest = days_period(NOW.date() - timedelta(days=LONGEST_DAYS - 1), NOW.date(), "UTC")
    assert versions_question(Asked(longest, Filters(), None, "auto", NOW)).period == longest


def test_versions_of_one_step_are_one_mark_and_labels_keep_their_distance() -> None:
    answer = trend()
    days = steps(answer.rows, "day", NOW)
    sights = [Sight(days[place].start + timedelta(hours=hour), f"v{place}-{hour}") for place, hour in
              [(0, 1), (0, 2), (2, 1), (6, 1), (16, 1), (29, 1)]]  # fmt: skip
    frame = with_marks(trend_frame(answer, RATE, NOW), days, [*sights, Sight(days[-1].end, "too late")])
    marked = frame[frame["mark"] != ""]
    assert list(marked["mark"]) == ["2 versions", "v2-1", "v6-1", "v16-1", "v29-1"]
    assert list(marked["side"]) == ["right", "right", "right", "right", "left"]
    assert marked["New versions"].iloc[0] == "v0-1 (23 Oct, 01:00), v0-2 (23 Oct, 02:00)"
    # A short label two days before the next mark needs a wide chart; the last two share what lies between them.
    rooms = list(marked["room"])
    assert rooms[0] > 1000 > rooms[1] > rooms[2]
    assert rooms[3] == rooms[4] < 300


def test_marks_change_data_and_nothing_else() -> None:
    answer = trend()
    days = steps(answer.rows, "day", NOW)
    specs = []
    for sights in ([], [Sight(days[3].start, "Planner 2.0")]):
        frame = with_marks(trend_frame(answer, RATE, NOW), days, sights)
        body = named_spec(line_trend(frame, RATE, look=Look(marked=True)))
        del body["datasets"]
        specs.append(body)
    assert specs[0] == specs[1]
