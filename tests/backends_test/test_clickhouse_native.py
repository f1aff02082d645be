from collections.abc import Callable

import clickhouse_connect
import pytest
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from clickhouse_connect.driver.exceptions import DatabaseError

StartClickHouse = Callable[[ClickHouseOptions | None], NativeClickHouse]

_READ_PROFILE = """<clickhouse>
  <profiles>
    <default/>
    <reading>
      <final>1</final>
      <readonly>2</readonly>
      <constraints><final><const/></final></constraints>
    </reading>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
    </default>
    <reader>
      <password>secret</password><networks><ip>127.0.0.1</ip></networks>
      <profile>reading</profile><quota>default</quota>
    </reader>
  </users>
</clickhouse>
"""


def _count(server: NativeClickHouse, username: str = "default", password: str = "") -> int:
    with clickhouse_connect.get_client(dsn=server.url, username=username, password=password) as client:
        return int(client.query("SELECT count() FROM runs").result_rows[0][0])


def test_acknowledged_rows_survive_a_kill(private_clickhouse: StartClickHouse) -> None:
    server = private_clickhouse(None)
    with clickhouse_connect.get_client(dsn=server.url) as client:
        assert str(client.server_version).startswith("26.7.")
        client.command("CREATE TABLE runs (id UInt64) ENGINE = MergeTree ORDER BY id")
        client.insert("runs", [[number] for number in range(1000)], column_names=["id"])

    server.kill()
    assert server.pid is None
    server.start()

    assert _count(server) == 1000


def test_users_and_constant_settings_are_honoured(private_clickhouse: StartClickHouse) -> None:
    server = private_clickhouse(ClickHouseOptions(users=_READ_PROFILE))
    with clickhouse_connect.get_client(dsn=server.url) as writer:
        writer.command("CREATE TABLE runs (id UInt64) ENGINE = ReplacingMergeTree ORDER BY id")
        writer.command("SYSTEM STOP MERGES runs")
        for _ in range(2):
            writer.insert("runs", [[1]], column_names=["id"], settings={"insert_deduplicate": 0})

    assert _count(server) == 2
    assert _count(server, username="reader", password="secret") == 1
    with clickhouse_connect.get_client(dsn=server.url, username="reader", password="secret") as reader:
        with pytest.raises(DatabaseError, match="Setting final should not be changed"):
            reader.query("SELECT count() FROM runs SETTINGS final = 0")
        with pytest.raises(DatabaseError, match="readonly"):
            reader.command("DROP TABLE runs")


def test_memory_is_capped(private_clickhouse: StartClickHouse) -> None:
    server = private_clickhouse(ClickHouseOptions(memory_mb=600))

    with (
        clickhouse_connect.get_client(dsn=server.url) as client,
        pytest.raises(DatabaseError, match="MEMORY_LIMIT_EXCEEDED"),
    ):
        client.query("SELECT length(groupArray(number)) FROM numbers(400000000)")
