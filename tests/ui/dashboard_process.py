"""The dashboard as a process of its own, and the browser that looks at it."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def dashboard_over(api_url: str) -> Iterator[str]:
    """The address of a Streamlit process that answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = UiSettings(api_url=api_url, ui_port=port)
    process = subprocess.Popen(
        command(settings), env=environment(settings, os.environ), cwd="/", stdout=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(transport=transport, timeout=30) as client:
            assert client.get(f"{url}/_stcore/health").status_code == 200
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
