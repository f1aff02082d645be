"""An environment of the test's own, and a stack that runs on one machine."""

import os
from collections.abc import Iterator

import pytest
from integration.stacks import RunningStack, local_stack


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process as if no RUNTALLY_* variable were set."""
    for name in [name for name in os.environ if name.startswith("RUNTALLY_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """What `runtally up` starts, for the tests of a module."""
    with local_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack
