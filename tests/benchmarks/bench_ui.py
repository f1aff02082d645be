"""How long the dashboard takes in a real browser, over as many runs as `bench_query.py` asks about. Prints JSON lines.

Native ClickHouse, the API and Streamlit as their commands start them, Chromium. One session, warm: each page was open
once. A turn ends when Streamlit has run the page to its end, nothing on it is stale and its charts are drawn; with a
filter, when also the number of executions is another. Hypothesis: another page is there within 1.5 s and another filter
within 1 s, at p95. Each turn's filter is a new one, so no answer is in anybody's memory; a page that was open before
may be. Ends with 0 only when both hold. A cold tab, in a browser that knows nothing, is told and has no target.
`dashboard_cpu_ms` is what Streamlit's process takes a turn, which other work on the machine changes little. `pages`
of the line `page_switch` has each page's median and worst turn, the slowest page first.

    python tests/benchmarks/bench_ui.py [--runs 30000000] [--turns 20] [--pages Overview,Errors]
"""

import argparse
import itertools
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from backends.waiting import eventually
from benchmarks.query_load import LARGEST
from benchmarks.rolled_up_store import rolled_up_store
from integration.stacks import free_ports, start, stop
from playwright.sync_api import Browser, Page, sync_playwright
from runtally_ui.navigation import ENTRIES, Entry
from ui.dashboard_process import CHROMIUM, FLAGS, dashboard_over

RANGE = "range=Custom&from=2026-10-23&to=2026-11-21"
SWITCH_MS, FILTER_MS = 1500.0, 1000.0
COLD_TABS = 3
EXECUTIONS = ".st-key-tile-0 [data-testid=stMetric]"
_PATIENCE_MS = 120_000
_AT_REST = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    return app && app.dataset.testScriptState === 'notRunning'
        && !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')
        && [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
            .every(chart => chart.querySelector('svg, canvas'));
}"""
_OTHER_TEXT = "([selector, before]) => document.querySelector(selector)?.innerText !== before"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30_000_000)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--memory-mb", type=int, default=8000)
    titles = [entry.title for entry in ENTRIES]
    parser.add_argument("--pages", type=lambda told: told.split(","), default=titles, help="titles, by commas; all")
    arguments = parser.parse_args()
    if unknown := set(arguments.pages) - set(titles):
        parser.error(f"--pages: no page {', '.join(sorted(unknown))}; there are {', '.join(titles)}")
    with tempfile.TemporaryDirectory(prefix="runtally-bench-") as name, ExitStack() as running:
        folder = Path(name)
        server = NativeClickHouse(folder / "clickhouse", ClickHouseOptions(memory_mb=arguments.memory_mb))
        running.callback(server.stop)
        server.start()
        rolled_up_store(server, arguments.runs).close()
        api_url = running.enter_context(_api(f"{server.url}/runs_{arguments.runs}", folder))
        url = running.enter_context(dashboard_over(api_url))
        playwright = running.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        running.callback(chromium.close)
        entries = [entry for entry in ENTRIES if entry.title in arguments.pages]
        lines = _measured(chromium, url, entries, arguments.turns, arguments.runs)
    for line in lines:
        sys.stdout.write(json.dumps(line) + "\n")
    return 0 if all(line["p95_ms"] <= line["target_p95_ms"] for line in lines if "target_p95_ms" in line) else 1


@contextmanager
def _api(store_url: str, folder: Path) -> Iterator[str]:
    """`runtally api` over the store. There is no broker: nobody posts."""
    environment = free_ports(folder) | {"RUNTALLY_CLICKHOUSE_URL": store_url, "RUNTALLY_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    url = f"http://127.0.0.1:{environment['RUNTALLY_API_PORT']}"
    process = start(["api"], environment, folder / "api.log")
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8), base_url=url) as client:
            eventually(lambda: _answers(client), 60, "the API")
        yield url
    finally:
        stop(process)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/live").status_code == 200
    except httpx.TransportError:
        return False


def _measured(chromium: Browser, url: str, entries: Sequence[Entry], turns: int, runs: int) -> list[dict[str, Any]]:
    clock = CpuClock(url)
    cold = [_cold_tab(chromium, url) for _ in range(COLD_TABS)]
    cpu = {"cold_tab": clock.lap_ms(COLD_TABS)}
    page = _tab(chromium)
    _open(page, url)
    for entry in entries:
        _switch(page, entry.title, entry.path)
    order = itertools.islice(itertools.cycle(entries), turns)
    clock.lap_ms(1)
    switches = [(entry.title, _timed(_switcher(page, entry))) for entry in order]
    cpu["page_switch"] = clock.lap_ms(turns)
    _switch(page, ENTRIES[0].title, ENTRIES[0].path)
    clock.lap_ms(1)
    filters = [_timed(_filterer(page, f"workspace-{turn:02d}")) for turn in range(turns)]
    cpu["filter_change"] = clock.lap_ms(turns)
    lines = [
        _line("cold_tab", runs, cold),
        _line("page_switch", runs, [taken for _, taken in switches], SWITCH_MS) | {"pages": by_page(switches)},
        _line("filter_change", runs, filters, FILTER_MS) | {"largest_workspace": LARGEST},
    ]
    return [line | {"dashboard_cpu_ms": cpu[line["what"]]} for line in lines]


class CpuClock:
    """What the process that serves a local address has computed for, as Linux tells it."""

    def __init__(self, url: str) -> None:
        told = f"--server.port={httpx.URL(url).port}\0".encode()
        commands = {entry: entry / "cmdline" for entry in Path("/proc").glob("[0-9]*")}
        self._stat = next(entry / "stat" for entry, command in commands.items() if told in _content(command))
        self._at_ms = self._now_ms()

    def lap_ms(self, turns: int) -> int:
        """Milliseconds a turn since the last lap."""
        before, self._at_ms = self._at_ms, self._now_ms()
        return round((self._at_ms - before) / turns)

    def _now_ms(self) -> float:
        user, system = self._stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a process that has ended meanwhile
        return b""


def _line(what: str, runs: int, taken: list[float], target: float | None = None) -> dict[str, Any]:
    told = {"bench": "ui", "what": what, "runs": runs, "turns": len(taken)}
    told |= {"p50_ms": round(statistics.median(taken)), "p95_ms": round(_p95(taken))}
    return told | ({"target_p95_ms": target} if target else {})


def _p95(taken: list[float]) -> float:
    return sorted(taken)[-(-len(taken) * 95 // 100) - 1]


def by_page(switches: list[tuple[str, float]]) -> dict[str, dict[str, int]]:
    """Each page's median and worst turn, the slowest page first."""
    taken: dict[str, list[float]] = {}
    for title, milliseconds in switches:
        taken.setdefault(title, []).append(milliseconds)
    slowest_first = sorted(taken.items(), key=lambda page: max(page[1]), reverse=True)
    return {
        title: {"p50_ms": round(statistics.median(turns)), "worst_ms": round(max(turns))}
        for title, turns in slowest_first
    }


def _cold_tab(chromium: Browser, url: str) -> float:
    page = _tab(chromium)
    try:
        return _timed(lambda: _open(page, url))
    finally:
        page.context.close()


def _open(page: Page, url: str) -> None:
    page.goto(f"{url}/?{RANGE}")
    _wait(page)


def _tab(chromium: Browser) -> Page:
    page = chromium.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.set_default_timeout(_PATIENCE_MS)
    return page


def _switcher(page: Page, entry: Any) -> Callable[[], object]:
    return lambda: _switch(page, entry.title, entry.path)


def _switch(page: Page, title: str, path: str) -> None:
    page.get_by_role("link", name=title, exact=True).first.click()
    page.wait_for_url(re.compile(rf"/({path})?\?"))
    page.get_by_role("heading", name=title, level=1).wait_for()
    _wait(page)


def _filterer(page: Page, workspace: str) -> Callable[[], object]:
    return lambda: _filter(page, workspace)


def _filter(page: Page, workspace: str) -> None:
    """One more workspace among those looked at."""
    before = page.locator(EXECUTIONS).inner_text()
    box = page.get_by_role("combobox", name="Workspace")
    box.fill(workspace)
    box.press("Enter")
    page.wait_for_function(_OTHER_TEXT, arg=[EXECUTIONS, before])
    page.wait_for_url(re.compile(rf"workspace_id={workspace}"))
    _wait(page)


def _wait(page: Page) -> None:
    page.wait_for_function(_AT_REST)


def _timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
