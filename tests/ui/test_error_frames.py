"""The parts of the Errors page that are pure: bars, the heatmap, the table's changes, and clicks of several values."""

from datetime import datetime
from typing import Any

import pytest
from runtally_ui.answers import QueryAnswer
from runtally_ui.drawing import named_spec
from runtally_ui.drilling import with_value
from runtally_ui.error_bars import error_bars, error_bars_frame
from runtally_ui.error_cards import failing
from runtally_ui.error_table import error_name, error_table_frame
from runtally_ui.filters import Filters
from runtally_ui.instants import wall_clock
from runtally_ui.trend_data import Series
from runtally_ui.week_hours import greatest_hour, week_hours_chart, week_hours_frame

FAILED = Series("errors", "count", "Failed runs")
RUNS = Series("runs", "count", "Runs")


def answer(*rows: dict[str, Any]) -> QueryAnswer:
    return QueryAnswer(data=list(rows))


def of_type(error_type: str | None, runs: int, errors: int, **more: Any) -> dict[str, Any]:
    return {"error_type": error_type, "runs": runs, "errors": errors, "share": 0.5, **more}


def bars(*rows: dict[str, Any]) -> Any:
    return error_bars_frame(answer(*rows), error_name, lambda row: row.text("error_type"), "runs")


def test_bars_keep_the_answers_order_and_leave_the_rest_and_the_errorless_out() -> None:
    frame = bars(of_type("a", 10, 0), of_type("", 7, 7), of_type("c", 0, 0), of_type(None, 99, 9, other=True))
    assert list(frame["group"]) == ["a", "(no type named)"]
    assert list(frame["failed"]) == [0, 7]
    assert list(frame["label"]) == ["10 · 50.0%", "7 · 50.0%"]
    assert frame["said"].iloc[0] == "a: 10 with an error, 0 failed or timed out"


def test_a_group_is_labelled_with_its_failure_rate_where_there_is_no_share() -> None:
    row = {"error_type": "a", "runs": 100, "runs_with_errors": 12, "errors": 8, "failure_rate": 0.08}
    frame = error_bars_frame(answer(row), error_name, error_name)
    assert (frame["label"].iloc[0], frame["with_error"].iloc[0]) == ("8 · 8.0%", 12)
    assert frame["Failure rate"].iloc[0] == "8.00%"


def hour(weekday: int, hour: int, runs: int, errors: int) -> dict[str, Any]:
    return {"weekday": weekday, "hour": hour, "runs": runs, "errors": errors}


def test_an_hour_without_failures_is_not_one_without_runs() -> None:
    found = answer(hour(1, 0, 5, 0), hour(7, 23, 9, 4), hour(3, 12, 9, 2))
    frame = week_hours_frame(found, FAILED, (RUNS,))
    assert list(zip(frame["day"], frame["hour"], frame["tone"], frame["shade"], strict=True)) == [
        ("Mon", 0, "none", 0), ("Sun", 23, "some", 1), ("Wed", 12, "some", 0.5),
    ]  # fmt: skip
    assert frame["Time"].iloc[1] == "Sunday, 23:00 to 23:59"
    peak = greatest_hour(found, "errors")
    assert peak is not None
    assert peak.number("weekday") == 7
    assert greatest_hour(answer(hour(1, 0, 5, 0)), "errors") is None


@pytest.mark.parametrize(
    ("few", "many"),
    [
        (bars(of_type("a", 1, 1)), bars(of_type("b", 9, 3), of_type("c", 4, 4))),
        (week_hours_frame(answer(), FAILED, (RUNS,)), week_hours_frame(answer(hour(1, 1, 1, 1)), FAILED, (RUNS,))),
    ],
)
def test_data_changes_data_and_nothing_else(few: Any, many: Any) -> None:
    specs = []
    for frame in (few, many):
        chart = error_bars(frame, height=200) if "said" in frame and "rank" in frame else None
        body = named_spec(chart or week_hours_chart(frame, ("Failed runs", "Runs")))
        del body["datasets"]
        specs.append(body)
    assert specs[0] == specs[1]


def test_a_type_that_was_not_there_before_is_new() -> None:
    types = answer(of_type("a", 4, 4), of_type("b", 3, 3), of_type("c", 2, 2), of_type(None, 1, 1, other=True))
    before = answer(
        {"error_type": "a", "runs": 4, "compare": {"runs": 2}, "change": {"runs": 1.0}},
        {"error_type": "b", "runs": 3, "compare": {"runs": 0}, "change": {"runs": None}},
    )
    over_time = answer(*({"error_type": name, "runs": runs} for name, runs in [("a", 1), ("b", 3), ("a", 3)]))
    frame = error_table_frame(types, over_time, before, "UTC")
    assert list(frame["Change"])[:2] == ["+100%", "new"]
    assert frame["Change"].isna().sum() == 2
    assert list(frame["Over time"]) == [[1, 3], [3], [], []]
    assert list(frame["Error"]) == ["a", "b", "c", "All others"]
    assert not {"Change", "Over time"} & set(error_table_frame(types, None, None, "UTC"))


def test_instants_are_by_the_clocks_of_the_zone() -> None:
    assert wall_clock("2026-11-21T23:30:00Z", "Asia/Kathmandu") == datetime(2026, 11, 22, 5, 15)
    assert wall_clock("", "UTC") is None


def test_failed_runs_are_those_that_the_filters_let_through() -> None:
    assert failing(Filters()) == ("failed", "timed_out")
    assert failing(Filters(status=("succeeded", "timed_out"))) == ("timed_out",)
    assert failing(Filters(status=("succeeded",))) == ()
    assert with_value(Filters(model=("m",)), "status", ("failed", "timed_out")).status == ("failed", "timed_out")
