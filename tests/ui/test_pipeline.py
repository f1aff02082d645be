"""The Pipeline page in every state, headless, over a real HTTP stub."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from runtally_ui.answers import QueryAnswer
from runtally_ui.consumer_lag import Lag, PartitionLag, lag_rows, lag_sentence
from runtally_ui.periods import Period
from runtally_ui.replaying import Replayed, sentence
from runtally_ui.throughput import minutes_frame
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.pages import chart_specs, metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]


def results(app: AppTest) -> dict[str, str]:
    checks: Any = next(frame.value for frame in app.dataframe if "Check" in frame.value.columns)
    return {row["Check"]: row["Result"][0] for _, row in checks.iterrows()}


def test_all_is_well(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "pipeline")
    assert not app.exception
    assert "● What you see is what was acknowledged" in texts(app)
    assert metrics(app)["Data are as old as"][0] == "800 ms"
    assert metrics(app)["Duplicates held"][0] == "17"
    assert results(app) == {
        "Split runs": "● Well", "Duplicates held": "○ A number, no fault", "Gaps of the ledger": "● Well",
        "Rollups that drifted": "● Well", "Last batch acknowledged": "○ A number, no fault",
    }  # fmt: skip
    assert "14,400 comparisons" in texts(app)
    checks: Any = next(frame.value for frame in app.dataframe if "Check" in frame.value.columns)
    assert list(checks["Found"]) == ["0", "17", "0", "0", "800 ms"]
    assert any("runtally verify" in code.value for code in app.code)


def test_faults_are_named_with_their_places(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, faulty=True), "pipeline", timezone="Europe/Berlin")
    assert not app.exception
    assert "▲ Look at split runs and gaps of the ledger and rollups that drifted" in texts(app)
    gap = next(frame.value for frame in app.dataframe if "First offset" in frame.value.columns)
    assert list(gap["Last offset"]) == [20]
    split = next(frame.value for frame in app.dataframe if "Apart" in frame.value.columns)
    assert list(split["Apart"]) == ["6.9 s"]
    assert "21 Nov 09:00" in texts(app), "the drifted bucket, by the reader's clock"


def test_a_caller_bound_to_workspaces_is_told_why_numbers_are_missing(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, faulty=None), "pipeline")
    assert not app.exception
    assert metrics(app)["Gaps of the ledger"][0] == "N/A"
    assert "told to who may see all workspaces" in texts(app)
    assert results(app)["Rollups that drifted"] == "– Not known"


def test_an_empty_store_a_failing_api_and_no_rights(open_page: OpenPage) -> None:
    assert "No runs yet" in texts(open_at(open_page, StubApi([], TODAY), "pipeline"))
    api = StubApi(fleet(TODAY), TODAY, failure={"title": "The store is down", "status": 503})
    app = open_at(open_page, api, "pipeline")
    assert "The store is down" in texts(app)
    api.failure = {"title": "Forbidden", "status": 403}
    app.button(key="retry").click().run()
    assert "Ask who runs this API for the right to see it" in texts(app)


def test_what_was_refused_with_the_command_to_replay_it(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, faulty=True)
    app = open_at(open_page, api, "pipeline")
    letters = next(frame.value for frame in app.dataframe if "Why" in frame.value.columns)
    assert len(letters) == 20
    assert "Value" not in letters
    assert any("dlq replay --topic agent-runs.v1 --field workspace_id --dry-run" in code.value for code in app.code)
    app.button(key="forth-letters").click().run()
    letters = next(frame.value for frame in app.dataframe if "Why" in frame.value.columns)
    assert list(letters["Offset"]) == list(range(20, 30))
    app = open_at(open_page, api, "pipeline", values="With values")
    letters = next(frame.value for frame in app.dataframe if "Why" in frame.value.columns)
    assert set(letters["Value"]) == {'{"workspace_id": 42}'}


def test_records_minute_by_minute(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "pipeline")
    assert len(chart_specs(app)) == 1
    assert "483 records" in texts(app)
    (asked,) = [query for path, query in api.asked if path == "/api/v1/ingestion/minutes"]
    assert (asked["from"], asked["to"]) == (["2026-11-21T08:31:00Z"], ["2026-11-21T09:31:00Z"])
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, faulty=None), "pipeline")
    assert not chart_specs(app)
    assert "told to who may see all of them" in texts(app)


def test_how_many_records_were_refused_is_told(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "pipeline")
    assert "UTC · 483 records · :red[▲ 3 refused]" in texts(app)


def test_lag_partition_by_partition_the_greatest_first(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, faulty=True), "pipeline")
    assert not app.exception
    assert "▲ 1,234 records behind] in 1 of 3 partitions" in texts(app)
    table = next(frame.value for frame in app.dataframe if "Committed" in frame.value.columns)
    assert list(table["Partition"]) == [1, 0, 2]
    assert list(table["Behind"]) == [1234, 0, 0]
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "pipeline")
    assert "● Nothing waits]: 3 partitions read to the end" in texts(app)


def test_a_lag_that_nobody_can_tell_says_why_and_the_page_stands(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, faulty=None), "pipeline")
    assert not app.exception
    assert "Lag unknown: it is of all." in texts(app)
    assert "Split runs" in texts(app)


def test_the_local_brokers_lag_is_a_least() -> None:
    lag = Lag(partitions=[PartitionLag(topic="t", partition=0, end=9, behind=2)], is_at_least=True)
    assert "2 records behind] in 1 of 1 partition." in lag_sentence(lag)
    assert "a batch more may wait" in lag_sentence(lag)


def test_an_end_that_was_told_short_is_none() -> None:
    """Beneath what is committed it would look like a fault of the ledger."""
    told = [PartitionLag(topic="t", partition=n, committed=9, end=end, behind=0) for n, end in enumerate((8, 9))]
    assert [row["end"] for row in lag_rows(Lag(partitions=told, is_at_least=True))] == [None, 9]


def test_every_minute_has_its_bars() -> None:
    zone = ZoneInfo("Europe/Berlin")
    hour = Period(datetime(2026, 11, 21, 9, 31, tzinfo=zone), datetime(2026, 11, 21, 10, 31, tzinfo=zone), zone.key)
    rows = [{"time": "2026-11-21T09:29:00Z", "topic": topic, "accepted": 5, "dead": 1} for topic in ("a", "b")]
    frame = minutes_frame(QueryAnswer(data=rows), hour)
    assert len(frame) == 120
    told = frame[frame["Minute"] == "10:29"]
    assert list(zip(told["low"], told["high"], strict=True)) == [(0, 10), (10, 12)]
    assert frame["high"].sum() == 10 + 12


def test_one_failing_part_leaves_the_others(open_page: OpenPage) -> None:
    failing = ["/api/v1/dead-letters", "/api/v1/ingestion/minutes", "/api/v1/ingestion/lag"]
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, failing_paths=failing), "pipeline")
    assert not app.exception
    assert texts(app).count("This part is broken") == 4


def pressed(app: AppTest, key: str) -> AppTest:
    return app.button(key=key).click().run()


def keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button if str(button.key).startswith("replay")}


def test_a_replay_is_looked_at_before_it_is_confirmed(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, faulty=True)
    app = open_at(open_page, api, "pipeline")
    assert keys(app) == {"replay-look"}
    app = pressed(app, "replay-look")
    assert not app.exception
    assert "**27 records** would be published again. 3 letters stay where they are." in texts(app)
    left = next(frame.value for frame in app.dataframe if "Stays because" in frame.value.columns)
    assert list(left["Letters"]) == [3]
    assert list(left["Remedy"]) == ["add the field"]
    assert keys(app) == {"replay-look", "replay-publish", "replay-cancel"}
    app = pressed(app, "replay-publish")
    assert "● 27 records published again." in texts(app)
    assert keys(app) == {"replay-look", "replay-done"}
    looked, confirmed = [body for body in api.queries if "dry_run" in body]
    assert confirmed == {**looked, "dry_run": False}
    assert (looked["topic"], looked["field"], looked["dry_run"]) == ("agent-runs.v1", "workspace_id", True)
    assert looked["to"] == "2026-11-21T09:30:00+00:00", "no letter that came after the look"
    assert "published again" not in texts(pressed(app, "replay-done"))


def test_a_replay_that_is_not_wanted_publishes_nothing(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, faulty=True)
    app = pressed(pressed(open_at(open_page, api, "pipeline"), "replay-look"), "replay-cancel")
    assert keys(app) == {"replay-look"}
    assert [body["dry_run"] for body in api.queries if "dry_run" in body] == [True]


def test_a_replay_that_fails_says_why_and_that_it_may_be_repeated(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, faulty=True)
    app = pressed(open_at(open_page, api, "pipeline"), "replay-look")
    api.failing_paths = ["/api/v1/dead-letters/replay"]
    app = pressed(app, "replay-publish")
    assert not app.exception
    assert "This part is broken" in texts(app)
    assert "To replay them once more is safe" in texts(app)
    api.failing_paths = []
    assert "would be published again" in texts(pressed(app, "replay-look"))


def test_where_nobody_can_replay_the_page_says_why(open_page: OpenPage) -> None:
    because = "this process only answers questions and knows no broker (RUNTALLY_API_ROUTES=read)"
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, faulty=True, replay_refused_because=because), "pipeline")
    assert because in texts(app)
    assert not keys(app)
    assert any("dlq replay" in code.value for code in app.code)


@pytest.mark.parametrize(
    ("letters", "published", "dry_run", "told"),
    [
        (0, 0, True, "No letter of this reason"),
        (3, 0, True, "None passes]: 3 letters"),
        (4, 3, True, "**3 records** would be published again. 1 letter stays where it is."),
        (1, 1, False, "1 record published again.] Answers hold"),
    ],
)
def test_what_became_of_letters_in_words(letters: int, published: int, dry_run: bool, told: str) -> None:
    assert told in sentence(Replayed(dry_run=dry_run, letters=letters, published=published))
