"""Every number that the Overview's charts and its table draw is the API's; the tiles' are in tests/integration."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pandas as pd
import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
DAYS = {"from": "2026-10-23", "to": "2026-11-21"}
FILTERS: list[dict[str, list[str]]] = [{}, {"workspace_id": ["acme"], "status": ["succeeded", "failed", "timed_out"]}]
OpenPage = Callable[..., AppTest]
Agents = Mapping[tuple[str, str], Mapping[str, Any]]
COSTS = ["cost_usd", "cost_per_run_usd"]
DURATIONS = ["avg_duration_ms", "p95_duration_ms"]


def frames(app: AppTest) -> dict[str, pd.DataFrame]:
    """What each chart draws, by the key of its card."""
    found = {}
    for chart in app.get("vega_lite_chart"):
        (data,) = chart.proto.datasets
        key = chart.proto.id.rpartition("-chart-")[2].removesuffix("-0")
        found[key] = convert_arrow_bytes_to_pandas_df(data.data.data)
    return found


def by_agent(answer: Mapping[str, Any]) -> Agents:
    return {(agent["workspace_id"], agent["agent_id"]): agent for agent in answer["agents"]}


@pytest.mark.parametrize("filters", FILTERS)
def test_charts_of_time(open_page: OpenPage, filters: dict[str, list[str]]) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    shown = frames(open_page(api, **filters))
    body = {
        "measures": ["runs", "succeeded", "errors", "success_rate", *COSTS, *DURATIONS],
        "time": {**DAYS, "granularity": "day"},
        "filters": [{"dimension": name, "op": "in", "values": values} for name, values in filters.items()],
    }
    said = pd.DataFrame(api.query(body)["data"])
    drawn = {"cost-per-run": COSTS, "duration": DURATIONS, "success": ["success_rate"]}
    for key, measures in drawn.items():
        for column, measure in zip(("value", "second"), measures, strict=False):
            assert list(shown[key][column]) == pytest.approx([float(value) for value in said[measure]]), measure
    for frame in (shown[key] for key in drawn):
        assert [int(text.replace(",", "")) for text in frame["Runs"]] == list(said["runs"])
    stacked = shown["runs"].assign(**{name: shown["runs"][name].astype(int) for name in ("Succeeded", "Failed")})
    of_days = stacked.groupby("key")[["runs", "Succeeded", "Failed"]].sum()
    assert [*map(tuple, of_days.to_numpy())] == [*zip(said["runs"], said["succeeded"], said["errors"], strict=True)]
    so_far = [float(value) for value in said["cost_usd"].astype(float).cumsum()]
    assert list(shown["cost"]["total"]) == pytest.approx(so_far)
    before = api.analytics({**filters, "from": ["2026-09-23"], "to": ["2026-10-22"]})["totals"]["cost_usd"]
    assert shown["cost"]["previous"].iloc[-1] == pytest.approx(float(before))


@pytest.mark.parametrize("filters", FILTERS)
def test_charts_and_table_of_agents(open_page: OpenPage, filters: dict[str, list[str]]) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_page(api, **filters)
    answer = api.analytics(filters)
    shown, said = frames(app), by_agent(answer)
    for row in _rows(shown["response"]):
        assert row["seconds"] * 1000 == pytest.approx(said[row["Workspace"], row["agent_id"]]["avg_duration_ms"])
    parts = {"● Succeeded": ("succeeded",), "▲ Failed": ("failed", "timed_out"), "■ Cancelled": ("cancelled",)}
    for row in _rows(shown["outcomes"]):
        counts = said[row["Workspace"], row["agent_id"]]["status_counts"]
        named = next(names for word, names in parts.items() if row["outcome"].startswith(word))
        assert row["runs"] == sum(counts[name] for name in named)
    for row in _rows(shown["failure"]):
        assert row["share"] == pytest.approx(1 - _not_failed(said[row["Workspace"], row["agent_id"]]))
    table = app.dataframe[0].value
    assert len(table) == len(said)
    for row, (key, agent) in zip(_rows(table), said.items(), strict=True):
        days = [day["runs"] for day in answer["runs_per_day"] if (day["workspace_id"], day["agent_id"]) == key]
        assert (row["Workspace"], row["Runs"], row["Tokens"]) == (key[0], agent["runs"], agent["total_tokens"])
        assert list(row["Runs per day"]) == days
        assert row["Failed"] == agent["status_counts"]["failed"] + agent["status_counts"]["timed_out"]
        figures = [row["Success"] / 100, row["Cost"], row["Cost/run"], row["Mean duration"] * 1000]
        cost = float(agent["cost_usd"])
        assert figures == pytest.approx(
            [agent["success_rate"], cost, cost / agent["coverage"]["cost"], agent["avg_duration_ms"]]
        )


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _not_failed(agent: Mapping[str, Any]) -> float:
    """The share that did not fail of the runs that ended."""
    counts = agent["status_counts"]
    kept = counts["succeeded"] + counts["cancelled"]
    return float(kept / (kept + counts["failed"] + counts["timed_out"]))
