"""Two people of two workspaces side by side in one dashboard: neither's browser receives a byte of the other's."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from backends.waiting import eventually
from integration.stacks import RUNTALLY, RunningStack, local_stack
from playwright.sync_api import Browser, Page, WebSocket, expect
from runtally_ui.navigation import ENTRIES
from ui.browsing import chromium

pytestmark = pytest.mark.browser

TENANTS = ("zirkon", "quarzit")
PASSWORD = "correct horse battery staple"
SIGNED = {"RUNTALLY_AUTH": "token", "RUNTALLY_AUTH_SECRET": "only-for-this-test-and-nothing-else"}


def runs_of(tenant: str) -> list[dict[str, Any]]:
    """Runs that say whose they are in whatever they say."""
    started = datetime.now(UTC) - timedelta(minutes=30)
    return [
        {"run_id": f"{tenant}-{number}", "workspace_id": f"{tenant}-lab", "agent_id": f"{tenant}-agent",
         "agent_name": f"Agent of {tenant}", "agent_version": f"{tenant}-1", "environment": f"{tenant}-cellar",
         "status": "failed" if number % 3 == 0 else "succeeded", "error_type": f"{tenant}-fault" * (number % 3 == 0),
         "error_message": f"{tenant} broke" * (number % 3 == 0), "started_at": started.isoformat(),
         "duration_ms": 1000 + number, "model": f"{tenant}-model", "user_id": f"{tenant}-user", "cost_usd": "0.01",
         "session_id": f"{tenant}-session", "input_tokens": 100, "output_tokens": 10, "trigger": f"{tenant}-clock"}
        for number in range(12)
    ]  # fmt: skip


def said_of(tenant: str) -> list[dict[str, Any]]:
    """What its user said of a run."""
    return [{"feedback_id": f"{tenant}-said", "workspace_id": f"{tenant}-lab", "run_id": f"{tenant}-1", "rating": 2,
             "agent_id": f"{tenant}-agent", "user_id": f"{tenant}-user", "comment": f"{tenant} was slow",
             "created_at": datetime.now(UTC).isoformat()}]  # fmt: skip


def runtally(running: RunningStack, *arguments: str, given: str = "") -> str:
    """What a command says."""
    done = subprocess.run([*RUNTALLY, *arguments], env=dict(running.environment), input=given, capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with local_stack(tmp_path_factory.mktemp("tenants"), SIGNED) as stack:
        for tenant in TENANTS:
            who = (f"ann@{tenant}.example", "--role", "viewer", "--workspace", f"{tenant}-lab", "--password-stdin")
            runtally(stack, "users", "add", *who, given=f"{PASSWORD}\n")
        with stack.client() as client:
            client.headers["Authorization"] = f"Bearer {runtally(stack, 'dev-token')}"
            for tenant in TENANTS:
                for path, events in (("runs", runs_of(tenant)), ("feedback", said_of(tenant))):
                    answer = client.post(f"/api/v1/{path}", json=events, headers={"Prefer": "wait=20"})
                    assert answer.status_code == 202, answer.text
            asked = "/api/v1/analytics/summary"
            eventually(lambda: client.get(asked).json()["total_messages"] == 24, 30, "all runs in the answers")
        yield stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


class Visitor:
    """A browser of its own, with all that the dashboard has sent to it."""

    def __init__(self, page: Page, tenant: str) -> None:
        self.page = page
        self.tenant = tenant
        self.received: list[bytes] = []
        page.set_default_timeout(30_000)
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._keep)

    def _keep(self, frame: bytes | str) -> None:
        self.received.append(frame.encode() if isinstance(frame, str) else frame)

    def sign_in(self) -> None:
        """By the form that stands in the page's place."""
        self.page.get_by_label("Email").fill(f"ann@{self.tenant}.example")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
        expect(self.page.get_by_text(f"Sign out ann@{self.tenant}.example")).to_be_visible()

    def settled(self, title: str) -> None:
        """Until the page of that title is drawn."""
        expect(self.page.get_by_role("heading", name=title, exact=True, level=1)).to_be_visible()
        expect(self.page.get_by_test_id("stStatusWidget")).to_have_count(0)
        expect(self.page.locator("[data-testid=stSkeleton], [data-stale=true]")).to_have_count(0)

    def names(self, tenant: str) -> bool:
        """Whether anything that was sent, or stands on the page, names a tenant."""
        told = b"\n".join([*self.received, self.page.content().encode()]).lower()
        return tenant.encode() in told


@contextmanager
def visiting(browser: Browser, running: RunningStack, tenant: str, path: str) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1920, "height": 1000})
    visitor = Visitor(context.new_page(), tenant)
    visitor.page.goto(f"{running.ui_url}{path}")
    visitor.sign_in()
    yield visitor
    context.close()


def test_neither_receives_a_byte_of_the_other_on_any_page(browser: Browser, running: RunningStack) -> None:
    with ExitStack() as open_browsers:
        both = [open_browsers.enter_context(visiting(browser, running, tenant, "/")) for tenant in TENANTS]
        for entry in ENTRIES:
            for visitor in both:
                visitor.received.clear()
                visitor.page.get_by_role("link", name=entry.title, exact=True).first.click()
            for visitor, other in zip(both, reversed(TENANTS), strict=True):
                visitor.settled(entry.title)
                assert visitor.names(visitor.tenant), f"{entry.title} shows nothing of {visitor.tenant}"
                assert not visitor.names(other), f"{entry.title} shows {visitor.tenant} something of {other}"
                expect(visitor.page.get_by_test_id("stDownloadButton")).to_have_count(0)
                expect(visitor.page.get_by_text("Forbidden")).to_have_count(0)


def test_a_link_and_a_reload_come_back_to_the_same_view_after_signing_in(
    browser: Browser, running: RunningStack
) -> None:
    with visiting(browser, running, TENANTS[0], "/cost?range=7d&by=By+model") as visitor:
        visitor.settled("Cost")
        for _ in range(2):
            expect(visitor.page).to_have_url(re.compile(r"/cost\?.*range=7d"))
            expect(visitor.page).to_have_url(re.compile(r"by=By(\+|%20)model"))
            expect(visitor.page.get_by_role("heading", name="Cost by model")).to_be_visible()
            visitor.page.reload()
            visitor.sign_in()
            visitor.settled("Cost")
