"""Whole stacks as their users start them: `runtally up` alone, or the server-mode services over real servers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from backends.last_words import told_on_failure
from backends.supervised_store import SupervisedStore
from backends.waiting import eventually
from runtally_cli.local import ports
from runtally_cli.local.kafka import QUICK_TO_NOTICE, KafkaBroker, KafkaOptions

RUNTALLY = [sys.executable, "-c", "from runtally_cli.entry import run; run()"]
START_SECONDS = 90.0
STOP_SECONDS = 90.0


@dataclass(frozen=True)
class RunningStack:
    """Where a stack that is ready can be reached."""

    kind: str
    api_url: str
    ui_url: str | None
    bootstrap: str
    environment: Mapping[str, str]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.api_url, timeout=60)


def free_ports(folder: Path) -> dict[str, str]:
    """An environment for a stack that gets in nobody's way."""
    names = ("API", "UI", "KAFKA", "CONSUMER")
    chosen: set[int] = set()
    while len(chosen) < len(names):
        chosen.add(ports.pick_free())
    numbers = zip(names, map(str, chosen), strict=True)
    without = {name: value for name, value in os.environ.items() if not name.startswith("RUNTALLY_")}
    return {**without, "RUNTALLY_DATA_DIR": str(folder), **{f"RUNTALLY_{name}_PORT": port for name, port in numbers}}


def start(arguments: list[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A `runtally` command in a session of its own, its output in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [*RUNTALLY, *arguments], env=dict(environment), stdout=output, stderr=output, start_new_session=True
        )


def wait_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until /ready answers 200; fails with the log when the process ends before."""

    def answers() -> bool:
        assert process.poll() is None, log.read_text(errors="replace")[-4000:]
        try:
            return httpx.get(f"{url}/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    eventually(answers, START_SECONDS, f"{url}/ready")


def stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
    """Ask it to end, and wait; kills its whole session when it does not."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@contextmanager
def local_stack(folder: Path, more: Mapping[str, str] | None = None) -> Iterator[RunningStack]:
    """What `runtally up` starts: Tansu and the embedded ClickHouse. `more` are settings besides."""
    environment = {**free_ports(folder), **(more or {})}
    process = start(["up"], environment, folder / "up.log")
    try:
        api_url = f"http://127.0.0.1:{environment['RUNTALLY_API_PORT']}"
        wait_ready(process, api_url, folder / "up.log")
        ui_url = f"http://127.0.0.1:{environment['RUNTALLY_UI_PORT']}"
        bootstrap = f"127.0.0.1:{environment['RUNTALLY_KAFKA_PORT']}"
        with told_on_failure(folder):
            yield RunningStack("local", api_url, ui_url, bootstrap, environment)
    finally:
        stop(process)


@contextmanager
def server_stack(folder: Path) -> Iterator[RunningStack]:
    """Apache Kafka, a supervised ClickHouse over HTTP, `runtally migrate`, and the two services."""
    with ExitStack() as stack:
        broker = stack.enter_context(
            KafkaBroker(folder / "kafka", ports.pick_free(), KafkaOptions(properties=QUICK_TO_NOTICE))
        )
        clickhouse = SupervisedStore(folder / "clickhouse")
        stack.callback(clickhouse.close)
        clickhouse.start()
        environment = {
            **free_ports(folder),
            "RUNTALLY_KAFKA_BOOTSTRAP": broker.bootstrap,
            "RUNTALLY_CLICKHOUSE_URL": f"{clickhouse.url}/runtally",
        }
        migrated = subprocess.run(
            [*RUNTALLY, "migrate"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert migrated.returncode == 0, migrated.stdout + migrated.stderr
        for name, port in (("consume", "CONSUMER"), ("api", "API")):
            process = start([name], environment, folder / f"{name}.log")
            stack.callback(stop, process)
            wait_ready(process, f"http://127.0.0.1:{environment[f'RUNTALLY_{port}_PORT']}", folder / f"{name}.log")
        api_url = f"http://127.0.0.1:{environment['RUNTALLY_API_PORT']}"
        with told_on_failure(folder):
            yield RunningStack("server", api_url, None, broker.bootstrap, environment)
