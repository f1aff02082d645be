from backends.kafka_exchange import consume, produce, produce_in_transactions
from runtally_cli.local.kafka import KafkaBroker


def test_idempotent_and_transactional_records_survive_a_stop_and_a_kill(private_kafka: KafkaBroker) -> None:
    address = private_kafka.bootstrap
    produce(address, "runs", [b"1", b"2"], idempotent=True)
    produce_in_transactions(address, "runs", kept=[b"3", b"4"], dropped=[b"never"])
    assert consume(address, "runs", 3, "tally") == [b"1", b"2", b"3"]

    private_kafka.stop()
    assert private_kafka.pid is None
    private_kafka.start()
    assert consume(address, "runs", 1, "tally") == [b"4"]

    produce(address, "runs", [b"5"], idempotent=True)
    private_kafka.kill()
    private_kafka.start()
    assert consume(address, "runs", 1, "tally") == [b"5"]
