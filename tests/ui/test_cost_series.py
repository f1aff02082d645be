"""Cost by group over time: every known cost once, the dearest by themselves, agents in their own colours."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from runtally_ui.answers import QueryAnswer
from runtally_ui.chart_data import Palette
from runtally_ui.colours import OTHER
from runtally_ui.cost_series import cost_series_chart, cost_series_frame, series_of, shown_in
from runtally_ui.groupings import GROUPINGS
from streamlit.testing.v1 import AppTest
from ui.fleet import Cell, fleet
from ui.pages import chart_specs, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
OpenPage = Callable[..., AppTest]
NOBODY = Palette({}, {})
ACME = ("acme", "planner"), ("acme", "reader"), ("acme", "rare")


def answer(*rows: dict[str, Any]) -> QueryAnswer:
    meta = {"granularity": "day", "data_as_of": None, "truncated": False}
    return QueryAnswer.model_validate({"data": list(rows), "meta": meta})


def of_model(day: int, model: str | None, cost: str | None, runs: int = 1) -> dict[str, Any]:
    return {"time": f"2026-11-{day}T00:00:00Z", "model": model, "other": model is None, "cost_usd": cost, "runs": runs}


def of_agent(day: int, key: tuple[str, str], cost: str) -> dict[str, Any]:
    own = {"workspace_id": key[0], "agent_id": key[1], "other": False}
    return {"time": f"2026-11-{day}T00:00:00Z", **own, "cost_usd": cost, "runs": 1}


def segments(frame: Any) -> list[tuple[str, str, int, float]]:
    return [(row["key"][8:10], row["series"], row["slot"], row["cost"]) for row in frame.to_dict("records")]


def test_models_by_their_cost_and_all_others_as_one() -> None:
    found = answer(
        of_model(20, "small", "1.25"), of_model(20, "large", "10.5"), of_model(20, None, "0.75", 9),
        of_model(21, "small", None), of_model(21, "large", "2"), of_model(21, None, "0.5", 3),
    )  # fmt: skip
    series = series_of(found, GROUPINGS["By model"], NOBODY)
    frame = cost_series_frame(found, series, NOW)
    assert segments(frame) == [
        ("20", "large", 0, 10.5), ("20", "small", 1, 1.25), ("20", OTHER, 8, 0.75),
        ("21", "large", 0, 2.0), ("21", OTHER, 8, 0.5),
    ]  # fmt: skip
    assert list(frame["All groups"]) == ["$12.50"] * 3 + ["$2.50"] * 2
    assert list(frame["done"]) == [1, 1, 1, 0, 0], "the day that runs is faded"
    assert len(series.domain) == 9
    assert shown_in(frame, series.domain) == ["large", "small", OTHER]
    assert cost_series_chart(frame, series.domain, shown_in(frame, series.domain)).to_dict()


def test_agents_keep_their_colours_and_those_without_one_are_together() -> None:
    palette = Palette({key: key[1].title() for key in ACME}, {ACME[0]: 4, ACME[1]: 2})
    found = answer(of_agent(20, ACME[2], "99"), of_agent(20, ACME[1], "2"), of_agent(20, ACME[0], "3"),
                   {**of_agent(20, ("", ""), "1"), "other": True})  # fmt: skip
    series = series_of(found, GROUPINGS["By agent"], palette)
    frame = cost_series_frame(found, series, NOW)
    assert segments(frame) == [("20", "Reader", 2, 2.0), ("20", "Planner", 4, 3.0), ("20", OTHER, 8, 100.0)]
    assert series.domain[4] == "Planner"


def test_a_model_that_is_called_as_the_others_together_is_told_apart() -> None:
    found = answer(of_model(20, OTHER, "2"), of_model(20, None, "1"))
    frame = cost_series_frame(found, series_of(found, GROUPINGS["By model"], NOBODY), NOW)
    assert segments(frame) == [("20", "model Other", 0, 2.0), ("20", OTHER, 8, 1.0)]


def test_a_part_of_a_bar_is_the_runs_of_its_group() -> None:
    how = GROUPINGS["By model"]
    found = answer(of_model(20, "large", "2"), of_model(20, "", "1.5"), of_model(20, None, "1"))
    series = series_of(found, how, NOBODY)
    large, unnamed = series.only("large"), series.only("(no model)")
    assert large is not None
    assert unnamed is not None
    assert (how.of_runs(large), how.of_runs(unnamed)) == ({"model": "large"}, {"model": ""})
    assert series.only(OTHER) is None


def test_groups_that_are_written_alike_are_no_part_of_their_own() -> None:
    long = "a" * 80
    found = answer(of_model(20, long + "1", "2"), of_model(20, long + "2", "1"))
    series = series_of(found, GROUPINGS["By model"], NOBODY)
    (name,) = {row["series"] for row in cost_series_frame(found, series, NOW).to_dict("records")}
    assert series.only(name) is None


@pytest.mark.parametrize("by", ["By agent", "By model"])
def test_the_page_draws_every_known_cost_once(open_page: OpenPage, by: str) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "cost", by=by)
    assert not app.exception
    (spec,) = [one for one in chart_specs(app) if "All groups" in str(one.get("encoding", ""))]
    assert spec["encoding"]["color"]["scale"]["domain"][-1] == OTHER
    assert {"hidden", "step", "zoom"} <= {param["name"] for param in spec["params"]}
    (asked,) = [one for one in api.queries if one.get("order") and one["time"]["granularity"] != "none"]
    assert asked["other"] is True
    found = QueryAnswer.model_validate(api.query(asked))
    frame = cost_series_frame(found, series_of(found, GROUPINGS[by], NOBODY), NOW)
    body = {"measures": ["cost_usd"], "time": {"from": "2026-10-23", "to": "2026-11-21"}}
    (totals,) = api.query(body)["data"]
    assert frame["cost"].sum() == pytest.approx(float(totals["cost_usd"]))


def spent(day: date, agent: str, runs: int, cost: str) -> Cell:
    cell = next(cell for cell in fleet(TODAY) if cell.priced)
    return replace(cell, day=day, agent_id=agent, agent_name=agent.title(), runs=runs, root_runs=runs, priced=runs,
                   timed=runs, with_tokens=runs, cost_usd=Decimal(cost), status="succeeded")  # fmt: skip


def test_what_changed_against_the_period_before_by_hand(open_page: OpenPage) -> None:
    before, now = date(2026, 9, 23), date(2026, 11, 1)
    cells = [spent(before, "planner", 100, "200"), spent(now, "planner", 200, "600"),
             spent(before, "reader", 40, "80")]  # fmt: skip
    told = texts(open_at(open_page, StubApi(cells, TODAY), "cost"))
    # The planner: 100 runs more at the mean of $2 and $3 is $250, a dollar more for each of the mean of 100 and 200
    # runs is $150. The reader is gone: $80 less, by its 40 runs. Together $320: $170 by runs, $150 by what a run costs.
    assert "+$320.00 than the 30 days before" in told
    assert "+$170.00 by the number of runs, +$150.00 by what a run costs" in told
    assert "The greatest change: agent Planner, +$400.00, mostly by the number of its runs." in told
