"""Both stacks, each started once for the tests of a worker."""

from collections.abc import Iterator

import pytest
from integration.stacks import RunningStack, local_stack, server_stack


@pytest.fixture(scope="module", params=["local", "server"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A running stack of each kind; the server kind needs native Kafka and ClickHouse."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "local":
        with local_stack(folder) as running:
            yield running
        return
    request.getfixturevalue("native_servers")
    with server_stack(folder) as running:
        yield running
