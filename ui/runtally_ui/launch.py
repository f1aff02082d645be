"""How the dashboard is started: the argument list and environment of its one process."""

import sys
from collections.abc import Mapping
from pathlib import Path

from runtally_ui.settings import UiSettings

ENTRY_SCRIPT = Path(__file__).resolve().parent / "app.py"


def command(settings: UiSettings) -> list[str]:
    """The argv that serves the dashboard until it gets SIGINT or SIGTERM.

    It works from any folder: theme and the rest of the configuration lie next to the entry script,
    where Streamlit looks last, so no `.streamlit` of the caller's folder or home wins over them.
    """
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(ENTRY_SCRIPT),
        f"--server.port={settings.ui_port}",
        f"--server.address={settings.host}",
        "--server.headless=true",
        "--server.fileWatcherType=none",
        "--server.runOnSave=false",
        "--browser.gatherUsageStats=false",
        # It would look through all objects after each script run, before the last of what was drawn is sent: 50 ms.
        "--runner.postScriptGC=false",
        # Without it Streamlit asks a host on the Internet for this machine's address.
        f"--browser.serverAddress={settings.host}",
    ]


def environment(settings: UiSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """`inherited` plus what the entry script reads back into `UiSettings`."""
    return {
        **inherited,
        "RUNTALLY_API_URL": settings.api_url,
        "RUNTALLY_HOST": settings.host,
        "RUNTALLY_UI_PORT": str(settings.ui_port),
        "RUNTALLY_UI_TIMEOUT_SECONDS": str(settings.ui_timeout_seconds),
    }
