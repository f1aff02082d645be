"""A real ClickHouse server, without Docker and without root: killable, and started again."""

import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backends import clickhouse_library
from runtally_cli.local import ports
from runtally_cli.local.server_process import ServerProcess, ServerSpec

_START_SECONDS: Final = 60.0
_ENTRY: Final = Path(__file__).with_name("clickhouse_entry.py")

# The library has a client's main function, so the server is a query that listens and never ends.
_LISTEN: Final = """
SYSTEM START LISTEN HTTP;
SYSTEM START LISTEN TCP;
SELECT sleepEachRow(3) FROM system.numbers
SETTINGS function_sleep_max_microseconds_per_block = 0, max_block_size = 1, max_execution_time = 0
FORMAT Null
"""

_CONFIG: Final = """<clickhouse>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <mmap_cache_size>100</mmap_cache_size>
  <logger><console>1</console><console_log_level>error</console_log_level></logger>
  <users_config>{users}</users_config>
</clickhouse>
"""

DEFAULT_USERS: Final = """<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </default>
  </users>
</clickhouse>
"""


@dataclass(frozen=True)
class ClickHouseOptions:
    """`users` is the text of a users.xml, `extra_config` of elements to put into config.xml."""

    memory_mb: int = 2000
    users: str = DEFAULT_USERS
    extra_config: str = ""
    lifeline: Path | None = None


class NativeClickHouse:
    """A server over `folder`; the same object starts again, on the same ports and data."""

    def __init__(self, folder: Path, options: ClickHouseOptions | None = None) -> None:
        self._folder = folder
        self._options = options or ClickHouseOptions()
        self._server: ServerProcess | None = None
        self.http_port = ports.pick_free()
        self.tcp_port = ports.pick_free()

    @property
    def url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.http_port}"

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    def start(self) -> None:
        """Returns once it answers; raises ClickHouseUnavailable, ServerDidNotStart or PortInUse."""
        library = clickhouse_library.library()
        ports.require_free(self.http_port, "another http_port")
        config = self._write_configuration()
        arguments = [
            "--multiquery",
            f"--config-file={config}",
            f"--path={self._folder / 'data'}",
            f"--http_port={self.http_port}",
            f"--tcp_port={self.tcp_port}",
            f"--listen_host={ports.LOOPBACK}",
            f"--query={_LISTEN}",
        ]
        self._server = ServerProcess(
            ServerSpec(
                name="clickhouse",
                command=[sys.executable, str(_ENTRY), str(library), *arguments],
                port=self.http_port,
                log=self._folder / "clickhouse.log",
                answers=answers_ping,
                start_seconds=_START_SECONDS,
                lifeline=self._options.lifeline,
            )
        )
        self._server.start()

    def stop(self, grace_seconds: float = 10.0) -> None:
        """SIGTERM, wait, SIGKILL."""
        if self._server is not None:
            self._server.stop(grace_seconds)

    def kill(self) -> None:
        """SIGKILL; what it had acknowledged is there after the next start."""
        if self._server is not None:
            self._server.kill()

    def _write_configuration(self) -> Path:
        (self._folder / "data").mkdir(parents=True, exist_ok=True)
        users = self._folder / "users.xml"
        users.write_text(self._options.users, encoding="utf-8")
        text = _CONFIG.format(memory=self._options.memory_mb * 1_000_000, users=users)
        text = text.replace("</clickhouse>", f"{self._options.extra_config}</clickhouse>")
        config = self._folder / "config.xml"
        config.write_text(text, encoding="utf-8")
        return config


def answers_ping(port: int) -> bool:
    """True when a ClickHouse answers over HTTP on the loopback port."""
    try:
        with urllib.request.urlopen(f"http://{ports.LOOPBACK}:{port}/ping", timeout=1) as answer:
            return bool(answer.read() == b"Ok.\n")
    except (urllib.error.URLError, OSError, ValueError):
        return False
