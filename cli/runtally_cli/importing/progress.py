"""How far an import is: a bar where a person looks on, a line now and then elsewhere. Both on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

LINE_EVERY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Position:
    """Rows so far, and the share of the file's bytes that they took."""

    read: int
    published: int
    rejected: int
    share: float

    def __str__(self) -> str:
        return f"read {self.read}, published {self.published}, rejected {self.rejected}"


class ShowPosition(Protocol):
    """Called often; must be quick."""

    def __call__(self, position: Position) -> None: ...


@contextmanager
def shown_progress(console: Console, clock: Callable[[], float] = time.monotonic) -> Iterator[ShowPosition]:
    """A bar on a terminal, plain lines every few seconds otherwise."""
    if not console.is_terminal:
        yield _plain_lines(console, clock)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda position: bar.update(task, completed=position.share, description=str(position))


def _plain_lines(console: Console, clock: Callable[[], float]) -> ShowPosition:
    due = clock() + LINE_EVERY_SECONDS

    def show(position: Position) -> None:
        nonlocal due
        if clock() >= due:
            due = clock() + LINE_EVERY_SECONDS
            console.print(f"{position} ({position.share:.0%} of the file)", highlight=False)

    return show
