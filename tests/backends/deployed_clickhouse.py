"""A native ClickHouse with the users of deploy/clickhouse, as the compose file runs it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest import mock

from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation

USERS: Final = (Path(__file__).parents[2] / "deploy/clickhouse/users.xml").read_text()
# The native server signs in to itself as `default`, which the deployment does not have.
_OWN_USER: Final = "<default><password/><networks><ip>127.0.0.1</ip></networks></default></users>"
PASSWORDS: Final = {"writer": "w", "reader": "r", "access": "a"}

StartClickHouse = Callable[[ClickHouseOptions | None], NativeClickHouse]
OpenAs = Callable[..., Store]


@contextmanager
def opened_as_deployed(start: StartClickHouse, extra_config: str = "") -> Iterator[OpenAs]:
    """What opens the server as one of the deployment's users, by name, and a password of one's own."""
    options = ClickHouseOptions(users=USERS.replace("</users>", _OWN_USER), extra_config=extra_config)
    environment = {f"CLICKHOUSE_{user.upper()}_PASSWORD": password for user, password in PASSWORDS.items()}
    with mock.patch.dict(os.environ, environment):
        server = start(options)
    opened: list[Store] = []

    def open_as(user: str, password: str | None = None) -> Store:
        address = f"{user}:{password or PASSWORDS[user]}@127.0.0.1:{server.http_port}"
        opened.append(Store(StoreLocation.server(f"http://{address}/default")))
        return opened[-1]

    yield open_as
    for store in opened:
        store.close()
