"""Kafka and ClickHouse by testcontainers, where Docker answers. One pair for each pytest process.

Imported only when it comes to that: testcontainers and the Docker client take a while to import.
"""

import os
from pathlib import Path
from typing import Any, Final

from backends.clickhouse_library import CLICKHOUSE_VERSION
from runtally_cli.local import ports
from runtally_cli.local.kafka import QUICK_TO_NOTICE
from runtally_cli.local.kafka_distribution import KAFKA_VERSION

_KAFKA_IMAGE: Final = f"apache/kafka:{KAFKA_VERSION}"
_CLICKHOUSE_IMAGE: Final = f"clickhouse/clickhouse-server:{CLICKHOUSE_VERSION}"
_KAFKA_PORT: Final = 9092
_HTTP_PORT: Final = 8123
_SOCKETS: Final = ("/var/run/docker.sock", "~/.docker/run/docker.sock", "~/.colima/default/docker.sock")


def why_unavailable() -> str | None:
    """None when a Docker engine answers."""
    if "DOCKER_HOST" not in os.environ and not any(Path(path).expanduser().exists() for path in _SOCKETS):
        return "no Docker engine here"
    try:
        from testcontainers.core.docker_client import DockerClient

        DockerClient(timeout=5).client.ping()
    except Exception as error:  # the client raises whatever its transport does
        return f"Docker does not answer ({type(error).__name__})"
    return None


class KafkaContainer:
    """Kafka in a container. The port is chosen here, as the broker must advertise it."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy

        port = ports.pick_free()
        self.bootstrap = f"{ports.LOOPBACK}:{port}"
        settings = {
            "NODE_ID": "1",
            "PROCESS_ROLES": "broker,controller",
            "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "LISTENERS": f"PLAINTEXT://:{_KAFKA_PORT},CONTROLLER://:9093",
            "ADVERTISED_LISTENERS": f"PLAINTEXT://{self.bootstrap}",
            "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "TRANSACTION_STATE_LOG_MIN_ISR": "1",
            **{name.replace(".", "_").upper(): value for name, value in QUICK_TO_NOTICE.items()},
        }
        container: Any = DockerContainer(_KAFKA_IMAGE).with_bind_ports(_KAFKA_PORT, port)
        for name, value in settings.items():
            container = container.with_env(f"KAFKA_{name}", value)
        self._container = container.waiting_for(LogMessageWaitStrategy("Kafka Server started"))

    def start(self) -> None:
        self._container.start()

    def stop(self) -> None:
        self._container.stop()


class ClickHouseContainer:
    """ClickHouse in a container; its user `default` may do everything, from the host too."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.wait_strategies import HttpWaitStrategy

        self._container: Any = (
            DockerContainer(_CLICKHOUSE_IMAGE)
            .with_exposed_ports(_HTTP_PORT)
            .with_env("CLICKHOUSE_SKIP_USER_SETUP", "1")
            .waiting_for(HttpWaitStrategy(_HTTP_PORT, "/ping"))
        )

    @property
    def url(self) -> str:
        host = self._container.get_container_host_ip()
        return f"http://{host}:{self._container.get_exposed_port(_HTTP_PORT)}"

    def start(self) -> None:
        self._container.start()

    def stop(self) -> None:
        self._container.stop()
