"""A stub API per test, and the dashboard over it; for all tests of a file in a browser, one stub and one process."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from playwright.sync_api import Browser, Page
from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from runtally_ui.launch import ENTRY_SCRIPT
from ui.browsing import chromium, visitors
from ui.dashboard_process import dashboard_over
from ui.fleet import fleet
from ui.stub_api import StubApi, serving

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.fixture
def serve() -> Iterator[Callable[[StubApi], str]]:
    """Serve a stub until the test ends."""
    with ExitStack() as running:
        yield lambda stub: running.enter_context(serving(stub))


@pytest.fixture
def open_page(serve: Callable[[StubApi], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Open the dashboard over a stub, at an address, on 21 November 2026."""
    monkeypatch.setattr("runtally_ui.clock.utc_now", lambda: NOW)
    monkeypatch.setattr("altair.utils.schemapi.DEBUG_MODE", True)  # which the dashboard turns off
    # Streamlit puts the page's script there, which spawned children of other tests would run as their own.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])

    def opened(stub: StubApi, **address: str | list[str]) -> AppTest:
        monkeypatch.setenv("RUNTALLY_API_URL", serve(stub))
        app = AppTest.from_file(str(ENTRY_SCRIPT), default_timeout=30)
        for name, value in address.items():
            app.query_params[name] = value
        return app.run()

    yield opened
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def dashboard() -> Iterator[tuple[StubApi, str]]:
    """The stub and the address of a Streamlit process over it, for which it is always `NOW`."""
    today = NOW.date()
    stub = StubApi(fleet(today), today)
    with serving(stub) as api_url, dashboard_over(api_url, NOW) as url:
        yield stub, url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def visit(dashboard: tuple[StubApi, str], browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address as a new visitor; any console error at all fails the test."""
    with visitors(browser, dashboard[1]) as found:
        yield found.visit
