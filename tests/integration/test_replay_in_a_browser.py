"""Replay from the page Pipeline over real servers: looked at first, then published, and counted once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from backends.waiting import eventually
from consumer.samples import RUNS, StoredRecord, run_value
from integration.stacks import RunningStack, server_stack
from playwright.sync_api import expect
from runtally.violations import Violation
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_consumer.dead_letters import DeadLetter, RefusedBy, mirror_rows
from runtally_consumer.records import Partition
from ui.browsing import chromium, keep, visitors
from ui.dashboard_process import dashboard_over

pytestmark = pytest.mark.browser

MENDED = Violation("cost_usd", "was refused by the version before", "wait")
BACK_SECONDS = 30


@pytest.fixture(scope="module")
def stack(native_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Three letters of one reason: two records that are accepted now, and one that never will be."""
    now = datetime.now(UTC)
    times = {"started_at": (now - timedelta(minutes=5)).isoformat(), "updated_at": now.isoformat()}
    values = [run_value(number, workspace_id="returned", **times) for number in range(2)]
    values.append(run_value(2, status="done", **times))
    letters = [
        DeadLetter(Partition(RUNS, 0), StoredRecord(10_000 + place, value, b"k"), (MENDED,), RefusedBy.CONTRACT)
        for place, value in enumerate(values)
    ]
    with server_stack(tmp_path_factory.mktemp("replay")) as running:
        store = Store(StoreLocation.server(running.environment["RUNTALLY_CLICKHOUSE_URL"]))
        store.insert("dead_letters", mirror_rows("s", letters, now - timedelta(minutes=1)))
        store.close()
        with running.client() as client:
            one = {"run_id": "first", "workspace_id": "acme", "agent_id": "a", "status": "succeeded", **times}
            answer = client.post("/api/v1/runs", json=[one], headers={"Prefer": "wait=20"})
            assert answer.status_code == 202, answer.text
        yield running


def runs_returned(stack: RunningStack) -> int:
    with stack.client() as client:
        return len(client.get("/api/v1/runs", params={"workspace_id": "returned"}).json()["data"])


def test_letters_are_looked_at_then_published_and_counted_once(stack: RunningStack) -> None:
    with dashboard_over(stack.api_url) as url, chromium() as browser, visitors(browser, url) as found:
        page = found.visit("/pipeline?range=24h")
        told = page.locator(".st-key-replay-told")
        for turn in range(2):
            page.get_by_role("button", name="See what would pass").click()
            expect(told).to_contain_text("2 records would be published again. 1 letter stays where it is.")
            assert runs_returned(stack) == (2 if turn else 0), "looking publishes nothing"
            told.get_by_role("button", name="Publish 2 records again").click()
            expect(told).to_contain_text("2 records published again. 1 letter stays where it is.")
            keep(page, f"replayed-{turn}")
            eventually(lambda: runs_returned(stack) == 2, BACK_SECONDS, "both runs in the answers")
            told.get_by_role("button", name="Done").click()
            expect(told).to_have_count(0)
    with stack.client() as client:
        assert len(client.get("/api/v1/audit", params={"act": "replay"}).json()["data"]) == 2, "looking is none"
