"""Serving an ASGI application from inside a process that has other things to do as well."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

# Who is behind a proxy the API finds out by itself; headers have an end in bytes; nobody is told what serves.
WIRE: Final[dict[str, Any]] = {
    "proxy_headers": False,
    "server_header": False,
    "http": "h11",
    "h11_max_incomplete_event_size": 64 * 1024,
}


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves the process's signals to whoever composed it."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def make_server(app: ASGIApp, host: str, port: int) -> QuietServer:
    """A server that is started by awaiting `serve()` and ended by setting `should_exit`."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
        lifespan="on",
        **WIRE,
    )
    return QuietServer(config)
