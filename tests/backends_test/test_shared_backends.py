from collections.abc import Callable

from backends.clickhouse_backend import ClickHouseBackend
from backends.kafka_backend import KafkaBackend
from backends.kafka_exchange import consume, produce


def test_the_shared_broker_takes_and_gives(kafka: KafkaBackend, unique: Callable[[str], str]) -> None:
    topic = unique("runs")
    produce(kafka.bootstrap, topic, [b"1"], idempotent=kafka.idempotent)

    assert consume(kafka.bootstrap, topic, 1, unique("group")) == [b"1"]


def test_the_database_is_empty_and_the_tests_own(clickhouse: ClickHouseBackend, database: str) -> None:
    with clickhouse.connect(database) as client:
        assert client.query("SHOW TABLES").result_rows == []
        client.command("CREATE TABLE runs (id UInt64) ENGINE = MergeTree ORDER BY id")
        client.command("INSERT INTO runs SELECT number FROM numbers(10)")
        assert client.query("SELECT count() FROM runs").result_rows == [(10,)]
