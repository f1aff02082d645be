"""A pipeline for all stories of a file: it starts once, and only its parts are killed."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends.waiting import eventually
from chaos.facts import Facts
from chaos.pipeline import Pipeline

GONE_SECONDS = 30.0


@pytest.fixture(scope="module")
def pipeline(
    native_servers: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """Native Kafka and ClickHouse, the API, and no consumer yet."""
    folder = tmp_path_factory.mktemp("chaos")
    with Pipeline(folder, random.Random(request.module.__name__)) as running:
        yield running
    eventually(lambda: not processes_of(folder), GONE_SECONDS, "the end of every process")


@pytest.fixture(scope="module")
def facts(request: pytest.FixtureRequest) -> Iterator[Facts]:
    """The counts of this file's run; written at its end."""
    counted = Facts(request.module.__name__.rpartition(".")[2])
    yield counted
    counted.write()


def processes_of(folder: Path) -> list[str]:
    """Those that have the folder in their command line or environment, where the system tells."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if str(folder).encode() in told:
                found.append(process.name)
    return found
