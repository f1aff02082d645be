"""CSV: unrounded, unknown empty, and harmless in a spreadsheet."""

import csv
import io
from datetime import date
from decimal import Decimal

from runtally_ui import exports
from runtally_ui.answers import Agent, Coverage, DailyRuns, StatusCounts


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_daily_rows_keep_every_digit() -> None:
    day = date(2026, 11, 21)
    known = DailyRuns(date=day, workspace_id="acme", agent_id="a", runs=2, cost_usd=Decimal("0.310000001"))
    other = DailyRuns(date=day, other=True, runs=3)
    first, second = rows(exports.daily_csv([known, other]))
    assert (first["date"], first["runs"], first["cost_usd"]) == ("2026-11-21", "2", "0.310000001")
    assert (second["agent_id"], second["workspace_id"], second["cost_usd"]) == ("(other)", "", "")


def test_agents_by_status_with_their_coverage() -> None:
    agent = Agent(
        workspace_id="acme",
        agent_id="a",
        agent_name="=HYPERLINK(1)",
        runs=10,
        status_counts=StatusCounts(succeeded=7, failed=1, timed_out=2),
        success_rate=0.7,
        coverage=Coverage(cost=0, duration=10),
    )
    (row,) = rows(exports.agents_csv([agent]))
    assert (row["failed"], row["timed_out"], row["success_rate"]) == ("1", "2", "0.7")
    assert (row["cost_usd"], row["cost_known"], row["duration_known"]) == ("", "0", "10")
    assert row["agent_name"] == "'=HYPERLINK(1)"
