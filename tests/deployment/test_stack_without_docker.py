"""The compose file's services as plain processes, beside a native Kafka and ClickHouse that have its configuration.

What differs from Docker: addresses and ports. What is the same: commands, settings, users, listeners, health checks.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pytest
import yaml
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from backends.waiting import eventually
from runtally_cli.local import kafka_distribution, ports
from runtally_cli.local.kafka import KafkaBroker, KafkaOptions

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final[dict[str, dict[str, Any]]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
RUNNING: Final = ("consumer", "api", "ui")
_OWN_USER: Final = "<default><password/><networks><ip>127.0.0.1</ip></networks></default></users>"
_SECONDS: Final = 60
# Set by the launcher of a container or by the machine, not by a broker's settings.
_NOT_PROPERTIES: Final = {"KAFKA_HEAP_OPTS", "KAFKA_LOG_DIRS"}


class Addresses:
    """What stands for the names and ports of the compose network."""

    def __init__(self) -> None:
        self.ports = {name: ports.pick_free() for name in ("19092", "9092", "9093", "8123", "8000", "8501", "9464")}

    def of(self, text: str) -> str:
        text = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)
        text = re.sub(r"\b(kafka|clickhouse|api|localhost)(?=:\d)", ports.LOOPBACK, text)
        return re.sub(r"(?<=:)\d+\b", lambda match: str(self.ports.get(match[0], match[0])), text)

    def environment(self, service: str) -> dict[str, str]:
        return {name: self.of(value) for name, value in SERVICES[service]["environment"].items()}


@pytest.fixture
def addresses() -> Addresses:
    return Addresses()


@pytest.fixture
def kafka_as_composed(addresses: Addresses, tmp_path: Path) -> Iterator[KafkaBroker]:
    if reason := kafka_distribution.why_unavailable():
        pytest.skip(reason)
    named = addresses.environment("kafka")
    properties = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in named.items()
        if name.startswith("KAFKA_") and name not in _NOT_PROPERTIES
    }
    with KafkaBroker(tmp_path / "kafka", addresses.ports["9092"], KafkaOptions(properties=properties)) as broker:
        yield broker


@pytest.fixture
def clickhouse_as_composed(
    addresses: Addresses,
    private_clickhouse: Callable[[ClickHouseOptions | None], NativeClickHouse],
    tmp_path: Path,
) -> NativeClickHouse:
    folder = tmp_path / "clickhouse-0" / "config.d"
    folder.mkdir(parents=True)
    (folder / "runtally.xml").write_text((ROOT / "deploy/clickhouse/config.xml").read_text())
    users = (ROOT / "deploy/clickhouse/users.xml").read_text().replace("</users>", _OWN_USER)
    with mock.patch.dict(os.environ, addresses.environment("clickhouse")):
        server = private_clickhouse(ClickHouseOptions(users=users))
    addresses.ports["8123"] = server.http_port
    return server


@contextlib.contextmanager
def _running(service: str, addresses: Addresses, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service's command in the environment of its container; killed if it is still there afterwards."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RUNTALLY_API_PORT": str(addresses.ports["8000"]),
        "RUNTALLY_UI_PORT": str(addresses.ports["8501"]),
        "RUNTALLY_CONSUMER_PORT": str(addresses.ports["9464"]),
        **addresses.environment(service),
    }
    command = [sys.executable, "-c", "from runtally_cli.entry import run; run()", *SERVICES[service]["command"]]
    with (
        (folder / f"{service}.log").open("wb") as log,
        subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _is_healthy(service: str, addresses: Addresses) -> bool:
    *_, script, url = SERVICES[service]["healthcheck"]["test"]
    command = [sys.executable, "-I", "-S", str(ROOT / "deploy" / Path(script).name), addresses.of(url)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _post_and_ask(api: str) -> bytes:
    run = b'{"run_id": "r-1", "workspace_id": "w", "agent_id": "a", "status": "succeeded", "started_at": "%s"}'
    body = run % b"2026-01-01T00:00:00Z"
    headers = {"Content-Type": "application/json", "Prefer": "wait=10"}
    with urllib.request.urlopen(urllib.request.Request(f"{api}/api/v1/runs", body, headers), timeout=30) as answer:
        assert answer.status == 202
    with urllib.request.urlopen(f"{api}/api/v1/runs", timeout=30) as answer:
        return bytes(answer.read())


def test_the_services_start_become_healthy_serve_and_leave(
    addresses: Addresses, kafka_as_composed: KafkaBroker, clickhouse_as_composed: NativeClickHouse, tmp_path: Path
) -> None:
    with _running("migrate", addresses, tmp_path) as migrate:
        assert migrate.wait(_SECONDS) == 0, (tmp_path / "migrate.log").read_text()

    with contextlib.ExitStack() as stack:
        started = {name: stack.enter_context(_running(name, addresses, tmp_path)) for name in RUNNING}
        for name in RUNNING:
            eventually(partial(_is_healthy, name, addresses), _SECONDS, f"the health of {name}")
        api = f"http://{ports.LOOPBACK}:{addresses.ports['8000']}"
        eventually(lambda: b'"r-1"' in _post_and_ask(api), _SECONDS, "the run's being there")

        for name, process in started.items():
            process.send_signal(signal.SIGTERM)
            grace = float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
            assert process.wait(grace) in (0, -signal.SIGTERM), (tmp_path / f"{name}.log").read_text()
