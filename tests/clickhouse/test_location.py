"""Where the store is, read from a URL, a folder or the environment; never with its password in a log."""

from pathlib import Path

import pytest
from runtally_clickhouse.location import InvalidLocation, StoreLocation


def test_a_url_says_everything() -> None:
    location = StoreLocation.server("https://me:p%40ss@db.example:9440/runtally")
    assert location.database == "runtally"
    options = location.connect_options()
    assert {name: options[name] for name in ("interface", "host", "port", "username", "password", "database")} == {
        "interface": "https",
        "host": "db.example",
        "port": 9440,
        "username": "me",
        "password": "p@ss",
        "database": "runtally",
    }
    assert "p%40ss" not in f"{location} {location!r}"
    assert "p@ss" not in f"{location} {location!r}"


@pytest.mark.parametrize(
    ("url", "port", "database"),
    [
        ("http://db", 8123, "default"),
        ("https://db/", 8443, "default"),
        ("http://[::1]:8124/other", 8124, "other"),
    ],
)
def test_defaults(url: str, port: int, database: str) -> None:
    options = StoreLocation.server(url).connect_options()
    assert (options["port"], options["database"], options["username"], options["password"]) == (
        port,
        database,
        "default",
        "",
    )


@pytest.mark.parametrize(
    "url",
    [
        "db:8123",
        "clickhouse://db",
        "http://",
        "http://db:notaport/x",
        "http://db:99999/x",
        "http://db:0/x",
        "http://db/a`b",
        "http://db/a/b",
    ],
)
def test_what_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(InvalidLocation, match="RUNTALLY_CLICKHOUSE_URL"):
        StoreLocation.server(url)


def test_a_location_is_one_place() -> None:
    with pytest.raises(InvalidLocation):
        StoreLocation()
    with pytest.raises(InvalidLocation):
        StoreLocation(url="http://db", path=Path("/data"))
    embedded = StoreLocation.embedded(Path("/data"))
    assert embedded.connect_options() == {"interface": "chdb", "path": "/data/store", "database": "default"}
    assert str(embedded) == "/data/store"


def test_the_environment_names_a_server_for_reads_of_its_own() -> None:
    environment = {"RUNTALLY_CLICKHOUSE_URL": "http://writer/a"}
    assert StoreLocation.from_environment({}) is None
    assert StoreLocation.from_environment(environment, reading=True) == StoreLocation.server("http://writer/a")
    environment["RUNTALLY_CLICKHOUSE_READ_URL"] = "http://reader/a"
    assert StoreLocation.from_environment(environment) == StoreLocation.server("http://writer/a")
    assert StoreLocation.from_environment(environment, reading=True) == StoreLocation.server("http://reader/a")
