"""What the parts of a stack wrote last, for whoever reads why a test failed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtally_cli.local.server_process import tail

_LOGS = ("*.log", "clickhouse/*.log", "kafka/*.log")


@contextmanager
def told_on_failure(folder: Path, more: Callable[[], str] = str) -> Iterator[None]:
    """When what is within fails, the ends of the logs in `folder` go to the test's output, and what `more` answers."""
    try:
        yield
    except Exception:
        for log in sorted(found for pattern in _LOGS for found in folder.glob(pattern)):
            sys.stdout.write(f"--- {log.name}\n{tail(log)}\n")
        sys.stdout.write(more())
        raise
