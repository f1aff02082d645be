"""The frames, sentences and links of an agent's page: plain values."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from runtally_ui.agent_answers import AgentAnalytics, Comparison, Latency
from runtally_ui.agent_colours import dot_image, heading_html, theme_colours
from runtally_ui.answers import QueryRow
from runtally_ui.api_client import ApiError, Broken, Forbidden, Refused
from runtally_ui.catalogue import MeasureBook
from runtally_ui.colours import OTHER, SLOTS
from runtally_ui.comparisons import comparison_frame
from runtally_ui.filters import Filters
from runtally_ui.latency import LEVELS, latency_chart, latency_frame
from runtally_ui.listed_agents import sparkline_step
from runtally_ui.periods import resolve_period
from runtally_ui.ratings import ratings_frame, ratings_rows
from runtally_ui.sharing import page_link, relative_link

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def latency(bars: list[tuple[int, int, int]], **percentiles: float | None) -> Latency:
    known = sum(runs for _, _, runs in bars)
    histogram = [{"from_ms": low, "to_ms": high, "runs": runs} for low, high, runs in bars]
    levels = {f"{level}_duration_ms": value for level, value in percentiles.items()}
    return Latency.model_validate(
        {"runs": known + 1, "duration": {"known_runs": known, "histogram": histogram, **levels}}
    )


def test_a_histogram_has_its_bars_its_zero_and_its_percentiles() -> None:
    frame = latency_frame(latency([(0, 1, 2), (100, 200, 6)], p50=150.0, p90=0.0, p95=None, p99=199.0))
    bars, levels = frame[frame["kind"] == "bar"], frame[frame["kind"] == "level"]
    assert list(bars["low"]) == [0.5, 100]
    assert list(bars["Runs"]) == ["25.0% of 8", "75.0% of 8"]
    assert list(levels["left"]) == ["p99  199 ms", "", "p50  150 ms"]
    assert list(levels["right"]) == ["", "p90  0 ms", ""]
    assert (levels["low"] > 0).all()
    assert latency_chart(frame).to_dict()["layer"]


def test_nothing_known_has_no_bars_and_no_percentiles() -> None:
    assert latency_frame(latency([])).empty
    assert latency_frame(latency([], **dict.fromkeys(LEVELS))).empty


def test_a_comparison_has_words_for_all_it_knows_and_none_for_what_it_does_not() -> None:
    known: dict[str, Any] = {"value": "0.2", "workspace_average": "0.1", "previous": "0.4"}
    found = [
        Comparison(measure="cost_per_run_usd", rank=2, ranked_agents=3, percentile=0.5, **known),
        Comparison(measure="success_rate", value=0.0, workspace_average=0.5, rank=3, ranked_agents=3, percentile=0.0),
        Comparison(measure="total_tokens", workspace_average=12345.6, ranked_agents=2),
    ]
    frame = comparison_frame(found, MeasureBook()).astype(object)
    rows = frame.where(frame.notna(), None).to_dict("records")
    assert list(rows[0].values()) == ["Cost per run", "$0.20", "$0.10", "2 of 3", 50, "$0.40", "50% cheaper"]
    assert list(rows[1].values()) == ["Success rate", "0%", "50.0%", "3 of 3", 0, "–", None]
    assert list(rows[2].values()) == ["Tokens", "–", "12.3k", None, None, "–", None]


def test_ratings_are_five_rows_or_none() -> None:
    users = QueryRow(cells={"ratings_5": 3, "ratings_1": 1, "ratings_3": 0})
    frame = ratings_frame(users)
    assert list(frame["value"]) == [3, 0, 0, 0, 1]
    assert frame["label"].iloc[0] == "75.0% of 4"
    assert ratings_rows(users).data[0] == {"rating": 5, "ratings": 3}
    nobody = QueryRow(cells={"ratings_5": 0})
    assert ratings_frame(nobody).empty
    assert ratings_rows(nobody).data == []


@pytest.mark.parametrize(("status", "kind"), [(422, Refused), (403, Forbidden), (503, Broken)])
def test_a_part_that_is_null_says_why(status: int, kind: type[ApiError]) -> None:
    failed = [{"part": "users", "status": status, "detail": "too much"}]
    answer = AgentAnalytics.model_validate(
        {"workspace_id": "a", "agent_id": "b", "users": None, "failed_parts": failed}
    )
    for found in (answer.part("users"), answer.rows("users", "users")):
        assert type(found) is kind
        assert found.detail == "too much"
    assert isinstance(answer.compared(), Broken)


def test_a_dot_is_of_the_theme_and_a_name_is_text() -> None:
    theme = theme_colours()
    assert len(theme["light"]) == len(theme["dark"]) == SLOTS + 1
    assert dot_image(theme["dark"], 8) != dot_image(theme["light"], 8) != dot_image(theme["light"], 0)
    html = heading_html("<b>$x$</b>", theme, 0)
    assert "&lt;b&gt;$x$&lt;/b&gt;" in html
    assert f"light-dark({theme['light'][0]}, {theme['dark'][0]})" in html
    assert OTHER not in html


@pytest.mark.parametrize("agent_id", ["a/b", "100%", "..", "🤖", "a b&c=d#e"])
def test_a_link_brings_the_very_agent_and_filters(agent_id: str) -> None:
    period = resolve_period("7d", (), "Europe/Berlin", NOW)
    filters = Filters(workspace_id=("acme",), model=("m/1", "m 2"))
    link = page_link("http://host/x/agents?profile=other", {"profile": agent_id}, relative_link(period, filters))
    parts = urlsplit(link)
    assert (parts.path, parts.fragment) == ("/x/agents", "")
    assert parse_qsl(parts.query) == [
        ("profile", agent_id), ("range", "7d"), ("timezone", "Europe/Berlin"), ("workspace_id", "acme"),
        ("model", "m/1"), ("model", "m 2"),
    ]  # fmt: skip


def test_the_range_that_is_so_by_itself_is_not_in_a_link() -> None:
    assert relative_link(resolve_period("30d", (), "UTC", NOW), Filters()) == ()


@pytest.mark.parametrize(("chosen", "step"), [("24h", "hour"), ("7d", "day"), ("90d", "day"), ("All", "week")])
def test_sparklines_have_a_few_dozen_bars(chosen: str, step: str) -> None:
    assert sparkline_step(resolve_period(chosen, (), "UTC", NOW)) == step
