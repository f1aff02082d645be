"""ClickHouse as a supervisor runs it (systemd, Docker's restart policy): what ends by itself is started again."""

import threading
from pathlib import Path

from backends.clickhouse_native import NativeClickHouse

LOOK_SECONDS = 0.2


class SupervisedStore:
    """A server that comes back, unless it was killed here.

    ClickHouse 26.7 ends with SIGABRT when a client's connection is reset while it reads the rest of a request: nothing
    catches that exception. A story that spoils the network meets it now and then, the more the busier the machine.
    To the pipeline it is one more death of the store; without a supervisor it would be the last.
    """

    def __init__(self, folder: Path) -> None:
        self._server = NativeClickHouse(folder)
        self._lock = threading.Lock()
        self._is_wanted = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._crashes = 0

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def http_port(self) -> int:
        return self._server.http_port

    @property
    def pid(self) -> int | None:
        return self._server.pid

    def start(self) -> None:
        """Returns once it answers; raises as `NativeClickHouse.start`."""
        with self._lock:
            self._server.start()
            self._is_wanted = True
        if not self._thread.is_alive():
            self._thread.start()

    def kill(self) -> None:
        """SIGKILL; it stays away until the next `start`."""
        with self._lock:
            self._is_wanted = False
            self._server.kill()

    def close(self) -> None:
        """Kill it, and look after it no more."""
        self._closing.set()
        self.kill()
        if self._thread.is_alive():
            self._thread.join()

    def take_crashes(self) -> int:
        """How often it ended by itself since this was asked last."""
        with self._lock:
            crashes, self._crashes = self._crashes, 0
            return crashes

    def _supervise(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            with self._lock:
                if self._is_wanted and self._server.pid is None:
                    self._crashes += 1
                    self._server.kill()  # what the dead one left behind
                    self._server.start()
