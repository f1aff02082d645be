"""Where the store is: a folder for the embedded engine, or a server's URL."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

DEFAULT_DATABASE = "default"
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class InvalidLocation(ValueError):
    """A store setting that cannot work. `str()` names the setting and the remedy."""


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """One store. `url` for a server, else `path` for the embedded engine; neither shows in `repr` with its password."""

    url: str | None = None
    path: Path | None = None
    database: str = DEFAULT_DATABASE

    def __post_init__(self) -> None:
        if (self.url is None) == (self.path is None):
            raise InvalidLocation("name either RUNTALLY_CLICKHOUSE_URL or RUNTALLY_DATA_DIR")
        if self.url is not None:
            parts = urlsplit(self.url)
            if not _DATABASE.fullmatch(self.database):
                raise InvalidLocation("the database in RUNTALLY_CLICKHOUSE_URL must be of letters, digits and _")
            if parts.scheme not in ("http", "https") or not parts.hostname or not _has_valid_port(parts):
                raise InvalidLocation("RUNTALLY_CLICKHOUSE_URL must look like http://user:password@host:8123/database")

    def __repr__(self) -> str:
        return f"StoreLocation({self})"

    def __str__(self) -> str:
        if self.url is None:
            return str(self.path)
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}/{self.database}"

    @classmethod
    def server(cls, url: str) -> "StoreLocation":
        """The server at `url`; the path of the URL is the database."""
        return cls(url=url, database=urlsplit(url).path.strip("/") or DEFAULT_DATABASE)

    @classmethod
    def embedded(cls, data_dir: Path) -> "StoreLocation":
        """The embedded engine's folder below Runtally's data folder."""
        return cls(path=data_dir / "store")

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, *, reading: bool = False, access: bool = False
    ) -> "StoreLocation | None":
        """The server that the environment names, or None for local mode.

        Reads may have a URL of their own, and so may `access`: keys, users and the audit log.
        """
        name, url = "RUNTALLY_CLICKHOUSE_URL", environment.get("RUNTALLY_CLICKHOUSE_URL")
        if access and (own := environment.get("RUNTALLY_CLICKHOUSE_ACCESS_URL")):
            name, url = "RUNTALLY_CLICKHOUSE_ACCESS_URL", own
        if reading and (own := environment.get("RUNTALLY_CLICKHOUSE_READ_URL")):
            name, url = "RUNTALLY_CLICKHOUSE_READ_URL", own
        try:
            return cls.server(url) if url else None
        except InvalidLocation as error:
            raise InvalidLocation(str(error).replace("RUNTALLY_CLICKHOUSE_URL", name)) from None

    def connect_options(self) -> dict[str, object]:
        """Keyword arguments of `clickhouse_connect.get_client`."""
        if self.url is None:
            assert self.path is not None
            return {"interface": "chdb", "path": str(self.path), "database": self.database}
        parts = urlsplit(self.url)
        return {
            "interface": parts.scheme,
            "host": parts.hostname,
            "port": parts.port or (8443 if parts.scheme == "https" else 8123),
            "username": unquote(parts.username or "default"),
            "password": unquote(parts.password or ""),
            "database": self.database,
            "autogenerate_session_id": False,  # concurrent calls on one session are refused
        }


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False
