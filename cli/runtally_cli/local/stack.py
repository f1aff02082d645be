"""The local stack: broker, node and dashboard as child processes, started in order and drained in reverse.

The broker outlives the node so that the node can read what the broker still holds; the dashboard goes first.
"""

import fcntl
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtally_api.identity.settings import IdentitySettings
from runtally_ui import launch
from runtally_ui.settings import UiSettings

from runtally_cli.local import ports
from runtally_cli.local.broker import Broker
from runtally_cli.local.kafka import KafkaBroker
from runtally_cli.local.platforms import require_supported
from runtally_cli.local.server_process import ServerProcess, ServerSpec, tail
from runtally_cli.local.settings import LocalSettings
from runtally_cli.local.tansu import TansuBroker

NODE_SECONDS = 60.0
DASHBOARD_SECONDS = 60.0
DRAIN_SECONDS = 60.0
# The local broker makes a new member wait for half its session timeout.
LOCAL_SESSION_MS = "4000"


class StackInUse(RuntimeError):
    """Another stack uses the data folder. The message is ready to be shown to a person."""


@dataclass(frozen=True, slots=True)
class Part:
    """One running process of the stack."""

    name: str
    pid: Callable[[], int | None]
    log: Path
    # Starts it again after it ended by itself; None for the broker, whose records are gone with it.
    restart: Callable[[], None] | None = None


def require_startable(settings: LocalSettings) -> None:
    """Raise `UnsupportedPlatform`, `InvalidIdentity` or `PortInUse`, each with what to do, before anything starts."""
    require_supported()
    identity = IdentitySettings()
    identity.require_listening(settings.host)
    identity.require_keys()
    wanted = {"RUNTALLY_API_PORT": settings.api_port, "RUNTALLY_UI_PORT": settings.ui_port}
    wanted["RUNTALLY_CONSUMER_PORT"] = settings.consumer_port
    if settings.kafka_bootstrap is None:
        wanted["RUNTALLY_KAFKA_PORT"] = settings.kafka_port
    busy = [f"port {port} is in use: set {name} to another" for name, port in wanted.items() if not ports.is_free(port)]
    if busy:
        raise ports.PortInUse("; ".join(busy))


@contextmanager
def owned_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process; the pid in its lock file is what `runtally down` stops.

    Raises `StackInUse` when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "up.pid").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StackInUse(
                f"{folder} belongs to a running stack: stop it with `runtally down`, or set RUNTALLY_DATA_DIR"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def owner_of(folder: Path) -> int | None:
    """The process id of the stack that holds the folder, None when nobody does."""
    path = folder / "up.pid"
    if not path.exists():
        return None
    with path.open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(lock.read() or 0) or None
    return None


@contextmanager
def running_stack(settings: LocalSettings, say: Callable[[str], None]) -> Iterator[list[Part]]:
    """Start everything; on leaving, drain and stop everything. Raises what the parts raise when they do not start."""
    with ExitStack() as stack:
        parts: list[Part] = []
        environment = {"RUNTALLY_DATA_DIR": str(settings.data_dir), "PYTHONUNBUFFERED": "1"}
        if settings.kafka_bootstrap is None:
            broker = _broker(settings)
            say(f"starting the broker ({settings.broker})")
            stack.callback(broker.stop)
            broker.start()
            parts.append(Part("broker", lambda: broker.pid, settings.logs / "broker"))
            environment["RUNTALLY_KAFKA_BOOTSTRAP"] = broker.bootstrap
            if settings.broker == "tansu":
                environment.setdefault(
                    "RUNTALLY_SESSION_TIMEOUT_MS", os.environ.get("RUNTALLY_SESSION_TIMEOUT_MS", LOCAL_SESSION_MS)
                )
        say("starting store, consumer and API")
        node = _start(stack, parts, _node_spec(settings, environment))
        if settings.kafka_bootstrap is None and settings.broker == "tansu":
            stack.callback(drain_node, node)
        say("starting the dashboard")
        _start(stack, parts, _dashboard_spec(settings))
        yield parts
        say("draining")


class NotDrained(RuntimeError):
    """The stack stopped with records that were not stored. The message is ready to be shown to a person."""


def drain_node(node: ServerProcess) -> None:
    """Stop the node before the broker. Raises `NotDrained`: a local broker's records are lost with it."""
    if node.stop(DRAIN_SECONDS) not in (0, None):
        raise NotDrained(
            "records that the broker held were not stored before it stopped; the end of the node's log says why:\n"
            + tail(node.log)
        )


def _start(stack: ExitStack, parts: list[Part], spec: ServerSpec) -> ServerProcess:
    process = ServerProcess(spec)
    stack.callback(process.stop, DRAIN_SECONDS)
    process.start()

    def restart() -> None:
        process.kill()
        process.start()

    parts.append(Part(spec.name, lambda: process.pid, spec.log, restart))
    return process


def _broker(settings: LocalSettings) -> Broker:
    if settings.broker == "kafka":
        for command in ("java", "mvn"):
            if shutil.which(command) is None:
                raise RuntimeError(f"RUNTALLY_BROKER=kafka needs `{command}` on the PATH")
        return KafkaBroker(settings.data_dir / "kafka", settings.kafka_port)
    return TansuBroker(settings.logs, settings.kafka_port)


def _node_spec(settings: LocalSettings, environment: Mapping[str, str]) -> ServerSpec:
    return ServerSpec(
        name="node",
        command=[sys.executable, "-m", "runtally_cli.local.node"],
        port=settings.api_port,
        log=_fresh(settings.logs / "node.log"),
        answers=lambda port: _answers_ok(f"http://{ports.LOOPBACK}:{port}/ready"),
        start_seconds=NODE_SECONDS,
        environment=environment,
    )


def _dashboard_spec(settings: LocalSettings) -> ServerSpec:
    ui = UiSettings(
        api_url=f"http://{ports.LOOPBACK}:{settings.api_port}", host=settings.host, ui_port=settings.ui_port
    )
    return ServerSpec(
        name="dashboard",
        command=launch.command(ui),
        port=settings.ui_port,
        log=_fresh(settings.logs / "dashboard.log"),
        answers=lambda port: _answers_ok(f"http://{ports.LOOPBACK}:{port}/_stcore/health"),
        start_seconds=DASHBOARD_SECONDS,
        environment=launch.environment(ui, {}),
    )


def _fresh(log: Path) -> Path:
    log.unlink(missing_ok=True)
    return log


def _answers_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
