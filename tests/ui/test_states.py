"""What the empty states say and offer, on values."""

import json
import re
from datetime import UTC, date, datetime

from runtally_ui.answers import DataRange
from runtally_ui.emptiness import Widening
from runtally_ui.filters import Filters
from runtally_ui.periods import days_period
from runtally_ui.states import Emptiness, first_run_command, newest_with_runs, widening_sentences

DAYS = days_period(date(2026, 11, 15), date(2026, 11, 21), "Europe/Berlin")
RUNS = DataRange(
    first=datetime(2026, 9, 1, 8, tzinfo=UTC),
    last=datetime(2026, 10, 9, 23, 30, tzinfo=UTC),
)


def test_the_range_is_to_blame_when_runs_match_on_other_days() -> None:
    (sentence,) = widening_sentences(Emptiness(DAYS, Filters(agent_id=("a",)), RUNS, RUNS, []))
    assert "Widen the **range**" in sentence
    assert "10 Oct 2026, 01:30:00 Europe/Berlin" in sentence


def test_each_filter_that_hides_runs_is_named() -> None:
    found = [Widening("agent_id", 1, RUNS), Widening("model", 0, RUNS), Widening("status", 0, None)]
    sentences = widening_sentences(Emptiness(DAYS, Filters(agent_id=("a",)), None, RUNS, found))
    assert sentences == [
        "Widen **agent**: without it 1 run matches.",
        "Widen **model** and the range: without it runs of other days match.",
    ]


def test_when_no_single_filter_is_to_blame() -> None:
    found = [Widening("agent_id", 0, None), Widening("model", 0, None)]
    (sentence,) = widening_sentences(Emptiness(DAYS, Filters(agent_id=("a",)), None, RUNS, found))
    assert "clear them together" in sentence


def test_the_newest_days_end_with_the_last_run_in_the_readers_zone() -> None:
    newest = newest_with_runs(RUNS, "Europe/Berlin")
    assert (newest.first, newest.last) == (date(2026, 9, 11), date(2026, 10, 10))


def test_the_first_run_is_a_valid_one() -> None:
    line = first_run_command("http://127.0.0.1:8000", datetime(2026, 11, 21, 9, 30, 0, 7, tzinfo=UTC))
    body = re.search(r"-d '(.*)'$", line)
    assert body is not None
    run = json.loads(body[1])
    assert run["started_at"] == "2026-11-21T09:30:00Z"
    assert {"run_id", "workspace_id", "agent_id", "status", "cost_usd"} <= set(run)
