"""The dashboard as a process of its own, and the browser that looks at it."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
from runtally_ui.launch import command, environment
from runtally_ui.settings import UiSettings

CHROMIUM: Final = Path("/usr/bin/chromium")
FLAGS: Final = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


# `python -m streamlit` with the one clock of the dashboard stopped: what it asks for does not change at midnight.
_STOPPED_CLOCK: Final = """
from datetime import datetime
from runtally_ui import clock
from streamlit.web.cli import main
clock.utc_now = lambda: datetime.fromisoformat({!r})
main()
"""


@contextmanager
def dashboard_over(
    api_url: str, now: datetime | None = None, start_in: Callable[[str], Path] = lambda address: Path("/")
) -> Iterator[str]:
    """The address of a Streamlit process that answers; for it, it is always `now`, where that is given.

    `start_in` makes the folder that it is started in, knowing its address.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = UiSettings(api_url=api_url, ui_port=port)
    argv = command(settings)
    if now is not None:
        argv[1:3] = ["-c", _STOPPED_CLOCK.format(now.isoformat())]
    folder = start_in(url)
    process = subprocess.Popen(argv, env=environment(settings, os.environ), cwd=folder, stdout=subprocess.DEVNULL)
    try:
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(transport=transport, timeout=30) as client:
            assert client.get(f"{url}/_stcore/health").status_code == 200
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
