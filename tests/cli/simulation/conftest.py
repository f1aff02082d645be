"""One simulated month for all tests of this folder, and the way to the oracle beside them."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from runtally_cli.simulation.record import Record
from runtally_cli.simulation.roster import DEFAULT_FLEET
from runtally_cli.simulation.stream import past
from runtally_cli.simulation.timetable import Timetable

sys.path.append(str(Path(__file__).parents[2]))  # so that `cli.simulation.expected` is one name for pytest and mypy

END = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def month_plan() -> Timetable:
    return Timetable(DEFAULT_FLEET, 7, END - timedelta(days=30), END, 12_000)


@pytest.fixture(scope="session")
def month(month_plan: Timetable) -> list[Record]:
    return list(past(month_plan))
