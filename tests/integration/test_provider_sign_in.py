"""Signing in at an identity provider: the dashboard sends people there, and hands on the token that they come with."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from backends.waiting import eventually
from integration.oidc_provider import OpenIdProvider, openid_provider
from integration.stacks import RunningStack, local_stack
from playwright.sync_api import Locator, Page, expect
from ui.browsing import chromium, tile, visitors
from ui.dashboard_process import dashboard_over

pytestmark = pytest.mark.browser

CLIENT = "runtally"
SECRETS = """
[auth]
redirect_uri = "{dashboard}/oauth2callback"
cookie_secret = "only-for-this-test-and-nothing-else"
client_id = "{client}"
client_secret = "only-for-this-test"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
expose_tokens = "id"
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider(CLIENT, {}) as found:
        yield found


@pytest.fixture(scope="module")
def stack(provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack that believes the provider, with three runs in one workspace and two in another."""
    environment = {
        "RUNTALLY_AUTH": "token",
        "RUNTALLY_AUTH_JWKS_URL": f"{provider.issuer}/jwks",
        "RUNTALLY_AUTH_ISSUER": provider.issuer,
        "RUNTALLY_AUTH_AUDIENCE": CLIENT,
    }
    with local_stack(tmp_path_factory.mktemp("provider"), environment) as running, running.client() as client:
        provider.claims = {"role": "owner", "workspaces": "*"}
        client.headers["Authorization"] = f"Bearer {provider.token()}"
        started = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
        runs = [
            {"run_id": f"{workspace}-{number}", "workspace_id": workspace, "agent_id": "planner",
             "status": "succeeded", "started_at": started}
            for workspace, several in (("acme", 3), ("beta", 2)) for number in range(several)
        ]  # fmt: skip
        answer = client.post("/api/v1/runs", json=runs, headers={"Prefer": "wait=20"})
        assert answer.status_code == 202, answer.text
        asked = "/api/v1/analytics/summary"
        eventually(lambda: client.get(asked).json()["total_messages"] == 5, 30, "all runs in the answers")
        yield running


@pytest.fixture(scope="module")
def dashboard(provider: OpenIdProvider, stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that names the provider in its secrets."""
    folder = tmp_path_factory.mktemp("dashboard")

    def write_secrets(address: str) -> Path:
        (folder / ".streamlit").mkdir()
        text = SECRETS.format(dashboard=address, client=CLIENT, issuer=provider.issuer)
        (folder / ".streamlit" / "secrets.toml").write_text(text)
        return folder

    with dashboard_over(stack.api_url, start_in=write_secrets) as url:
        yield url


def asks_to_sign_in(page: Page) -> None:
    expect(page.get_by_text("Sign in to see this page")).to_be_visible()
    expect(page.get_by_test_id("stMetric")).to_have_count(0)


def lower_end(drawn: Locator) -> float:
    box = drawn.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def test_who_signs_in_comes_back_to_the_view_and_sees_their_own_workspaces(
    provider: OpenIdProvider, dashboard: str
) -> None:
    provider.claims = {"email": "ann@example.com", "role": "viewer", "workspaces": ["acme"]}
    with chromium() as browser, visitors(browser, dashboard) as found:
        page = found.visit("/cost?range=7d")
        asks_to_sign_in(page)
        before = provider.signed_in
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("Sign out ann@example.com")).to_be_visible()
        page.wait_for_url("**/cost?range=7d")
        assert provider.signed_in == before + 1
        page.goto(dashboard)
        expect(tile(page, "Runs")).to_contain_text("3")
        # A viewer gets no downloads, and what stands beside these for others stays within its card.
        card = page.locator(".st-key-card-runs")
        expect(card.get_by_role("button", name="CSV")).to_have_count(0)
        assert lower_end(card.get_by_text("7-day mean")) < lower_end(card)
        page.get_by_role("button", name="Sign out ann@example.com").click()
        asks_to_sign_in(page)


def test_a_token_that_the_api_does_not_take_is_said_so_with_the_remedy(
    provider: OpenIdProvider, dashboard: str
) -> None:
    provider.claims = {"email": "eve@example.com", "role": {"owner": 1}, "workspaces": ["acme"]}
    with chromium() as browser, visitors(browser, dashboard) as found:
        page = found.visit("/")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("The API does not take your sign-in any more.")).to_be_visible()
        asks_to_sign_in(page)
