"""The fixtures that give tests real backends, and the lines that say which were taken.

`kafka` and `clickhouse` are shared by the whole run; `private_kafka` and `private_clickhouse` are the
test's own, to be killed and started again.
"""

import os
import secrets
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
from backends import clickhouse_library
from backends.clickhouse_backend import ClickHouseBackend, choose_clickhouse, shared_clickhouse
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from backends.kafka_backend import KafkaBackend, choose_kafka, shared_kafka
from backends.plan import DEMAND_VARIABLE, BackendMissing, Choice, Demand, read_demand
from backends.server_session import ServerSession
from runtally_cli.local import kafka_distribution, ports
from runtally_cli.local.kafka import QUICK_TO_NOTICE, KafkaBroker, KafkaOptions

_SESSION: Final = pytest.StashKey[ServerSession]()
_DEMAND: Final = pytest.StashKey[Demand]()
_WORKER_INPUT: Final = "runtally_server_session"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_DEMAND] = read_demand(os.environ.get(DEMAND_VARIABLE))
    worker_input: dict[str, str] | None = getattr(config, "workerinput", None)
    if worker_input is None:
        config.stash[_SESSION] = ServerSession.create()
    else:
        config.stash[_SESSION] = ServerSession(Path(worker_input[_WORKER_INPUT]), worker_input["workerid"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """xdist's: hands the run's folder to a worker."""
    config: pytest.Config = node.config  # type: ignore[attr-defined] # xdist has no types
    node.workerinput[_WORKER_INPUT] = str(config.stash[_SESSION].folder)  # type: ignore[attr-defined] # as above


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[_SESSION].close()


def pytest_report_header(config: pytest.Config) -> list[str]:
    demand = config.stash[_DEMAND]
    return [
        f"kafka: {_planned(choose_kafka, demand)}",
        f"clickhouse: {_planned(choose_clickhouse, demand)}",
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    told = config.stash[_SESSION].told()
    for name in ("kafka", "clickhouse"):
        terminalreporter.write_line(f"{name}: {'; '.join(told.get(name, ['no test asked for it']))}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where native backends are demanded nothing may be left out: a skip there is a failure."""
    report = yield
    if item.config.stash[_DEMAND] is Demand.NATIVE and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, with {DEMAND_VARIABLE}=native: {call.excinfo and call.excinfo.value}"
    return report


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> KafkaBackend:
    """A broker shared by the whole run."""
    return shared_kafka(pytestconfig.stash[_SESSION], pytestconfig.stash[_DEMAND])


@pytest.fixture(scope="session")
def clickhouse(pytestconfig: pytest.Config) -> ClickHouseBackend:
    """A ClickHouse shared by the whole run."""
    return shared_clickhouse(pytestconfig.stash[_SESSION], pytestconfig.stash[_DEMAND])


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Makes a name no other test has: `unique("runs")` for a topic, a group, a database."""
    return lambda hint: f"{hint}_{secrets.token_hex(6)}"


@pytest.fixture
def database(clickhouse: ClickHouseBackend, unique: Callable[[str], str]) -> Iterator[str]:
    """The name of an empty database of the test's own, dropped afterwards."""
    name = unique("test")
    client = clickhouse.connect()
    try:
        client.command(f"CREATE DATABASE {name}")
        yield name
        client.command(f"DROP DATABASE {name} SYNC")
    finally:
        client.close()


@pytest.fixture(scope="session")
def native_servers(pytestconfig: pytest.Config) -> None:
    """For tests that start native Kafka and ClickHouse themselves: skips, or fails where they are demanded."""
    _require(pytestconfig, kafka_distribution.why_unavailable() or clickhouse_library.why_unavailable())


@pytest.fixture
def private_kafka(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[KafkaBroker]:
    """A native Kafka of the test's own, started; to `kill()`, `stop()` and `start()` at will."""
    _require(pytestconfig, kafka_distribution.why_unavailable())
    with KafkaBroker(tmp_path / "kafka", ports.pick_free(), KafkaOptions(properties=QUICK_TO_NOTICE)) as broker:
        yield broker


@pytest.fixture
def private_clickhouse(
    pytestconfig: pytest.Config, tmp_path: Path
) -> Iterator[Callable[[ClickHouseOptions | None], NativeClickHouse]]:
    """Starts native ClickHouse servers of the test's own; to `kill()`, `stop()` and `start()` at will."""
    _require(pytestconfig, clickhouse_library.why_unavailable())
    servers: list[NativeClickHouse] = []

    def start(options: ClickHouseOptions | None = None) -> NativeClickHouse:
        server = NativeClickHouse(tmp_path / f"clickhouse-{len(servers)}", options)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()


def _planned(choose: Callable[[Demand], Choice], demand: Demand) -> str:
    try:
        choice = choose(demand)
    except BackendMissing as missing:
        return str(missing)
    return f"{choice.kind} ({choice.because})"


def _require(config: pytest.Config, missing: str | None) -> None:
    if missing is None:
        return
    if config.stash[_DEMAND] is Demand.NATIVE:
        raise BackendMissing(missing)
    pytest.skip(missing)
