"""The ClickHouse engine as a shared library, brought by npm into a folder of the user's."""

import hashlib
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from runtally_cli.local.kafka_distribution import cache_folder

CLICKHOUSE_VERSION: Final = "26.7"
_PACKAGE: Final = "@chdb/lib-linux-x64-gnu"
_VERSION: Final = "26.7.3-stable.1"
_SHA256: Final = "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5"
_NPM_SECONDS: Final = 600


class ClickHouseUnavailable(RuntimeError):
    """Native ClickHouse can't be had here; the message says what is missing."""


def why_unavailable() -> str | None:
    """None when `library` has what it needs, else a sentence. Quick: it runs nothing."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return f"native ClickHouse is built for Linux on x86-64, not {platform.system()} on {platform.machine()}"
    if not _target().exists() and shutil.which("npm") is None:
        return "native ClickHouse comes by npm, and there is no npm on the PATH"
    return None


def library() -> Path:
    """The library's path, its content checked; downloads it the first time.

    Raises ClickHouseUnavailable.
    """
    if reason := why_unavailable():
        raise ClickHouseUnavailable(reason)
    target = _target()
    if not target.exists():
        _download(target)
    return target


def _target() -> Path:
    return cache_folder() / f"clickhouse-{_VERSION}" / "libchdb.so"


def _download(target: Path) -> None:
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".clickhouse-") as scratch:
        _run_npm(Path(scratch))
        found = Path(scratch, "node_modules", _PACKAGE, "libchdb.so")
        # Checked once, before the rename that publishes it: half a gigabyte takes a second or two.
        with found.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != _SHA256:
            raise ClickHouseUnavailable(f"libchdb.so of {_PACKAGE} {_VERSION} is not the one pinned: {digest}")
        target.parent.mkdir(exist_ok=True)
        found.rename(target)


def _run_npm(scratch: Path) -> None:
    flags = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    command = ["npm", "install", *flags, "--prefix", str(scratch), f"{_PACKAGE}@{_VERSION}"]
    try:
        done = subprocess.run(
            command,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_NPM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ClickHouseUnavailable(f"npm had not brought ClickHouse within {_NPM_SECONDS} s") from error
    if done.returncode != 0:
        raise ClickHouseUnavailable(f"npm could not bring ClickHouse:\n{(done.stdout + done.stderr)[-2000:]}")
