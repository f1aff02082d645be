"""Apache Kafka as one KRaft node on the loopback address: durable, idempotent, transactional."""

import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from runtally_cli.local import kafka_distribution, ports
from runtally_cli.local.kafka_protocol import speaks_kafka
from runtally_cli.local.server_process import ServerDidNotStart, ServerProcess, ServerSpec, tail

_START_SECONDS: Final = 60.0
_FORMAT_SECONDS: Final = 60.0

# A heap that starts small and a compiler that stops early: on a laptop, start-up and idle size
# count for more than peak throughput.
_JVM_OPTIONS: Final = (
    "-Xms64m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)

# What tests add: groups form at once, a dead member is missed within a second, and a broker that was
# killed is let in again after 3 s instead of 9 (until then the controller takes it for a second one).
QUICK_TO_NOTICE: Final[Mapping[str, str]] = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


@dataclass(frozen=True)
class KafkaOptions:
    """`properties` are added to server.properties and win over ours; the heap is the JVM's limit.

    `cluster_id` names the cluster that this broker is one of; without it the broker is a cluster of its own.
    """

    heap_mb: int = 512
    cluster_id: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    port_variable: str = "RUNTALLY_KAFKA_PORT"
    lifeline: Path | None = None


class KafkaBroker:
    """A `Broker` whose topics, offsets and cluster id live in `folder` and survive a restart."""

    def __init__(self, folder: Path, port: int, options: KafkaOptions | None = None) -> None:
        self._folder = folder
        self._port = port
        self._options = options or KafkaOptions()
        self._server: ServerProcess | None = None

    @property
    def bootstrap(self) -> str:
        return f"{ports.LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    def start(self) -> None:
        """See `Broker.start`; also raises KafkaUnavailable where Java or Maven is missing.

        The first start on a machine downloads the jars, and can take a minute.
        """
        java = self._java(kafka_distribution.jars())
        ports.require_free(self._port, self._options.port_variable)
        self._folder.mkdir(parents=True, exist_ok=True)
        properties = self._write_properties()
        if not (self._data / "meta.properties").exists():
            self._format(java, properties)
        self._server = ServerProcess(
            ServerSpec(
                name="kafka",
                command=[*java, "kafka.Kafka", str(properties)],
                port=self._port,
                log=self._log,
                answers=speaks_kafka,
                start_seconds=_START_SECONDS,
                lifeline=self._options.lifeline,
            )
        )
        self._server.start()

    def stop(self, grace_seconds: float = 10.0) -> None:
        """See `Broker.stop`."""
        if self._server is not None:
            self._server.stop(grace_seconds)

    def kill(self) -> None:
        """SIGKILL, as a power cut would; what was acknowledged is there after the next start."""
        if self._server is not None:
            self._server.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "kafka.log"

    def _java(self, jars: Path) -> list[str]:
        return ["java", f"-Xmx{self._options.heap_mb}m", *_JVM_OPTIONS, "-cp", f"{jars}/*"]

    def _write_properties(self) -> Path:
        # Nobody outside speaks to the controller, so its port may change from start to start.
        controller = f"{ports.LOOPBACK}:{ports.pick_free(besides=self._port)}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self._data),
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            **self._options.properties,
        }
        path = self._folder / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
        return path

    def _format(self, java: Sequence[str], properties: Path) -> None:
        cluster_id = self._options.cluster_id or new_cluster_id()
        command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
        with self._log.open("ab") as log:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_FORMAT_SECONDS,
                check=False,
            )
        if done.returncode != 0:
            raise ServerDidNotStart(f"kafka could not format {self._data}; the end of its log:\n{tail(self._log)}")


def new_cluster_id() -> str:
    """A random one, as Kafka writes it."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    # A leading dash would be read as an option.
    return text.replace("-", "A")
