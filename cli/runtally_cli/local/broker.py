"""What every local broker offers to the code that composes the local stack."""

from types import TracebackType
from typing import Protocol, Self


class Broker(Protocol):
    """One broker process on the loopback address, owned by this process.

    It ends with this process, however that ends (see `server_process`).
    """

    @property
    def bootstrap(self) -> str:
        """`host:port` for a Kafka client; fixed when the broker is made."""

    @property
    def pid(self) -> int | None:
        """The broker's own process id (not a wrapper's), None while it isn't running."""

    def start(self) -> None:
        """Spawn it and return once it answers the Kafka protocol.

        Raises PortInUse before anything is spawned, and ServerDidNotStart, with the end of
        the log, when it dies or stays silent past its deadline. Nothing runs after a raise.
        """

    def stop(self, grace_seconds: float = 10.0) -> None:
        """SIGTERM, wait, SIGKILL. Returns when it is gone; does nothing when it isn't running."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
