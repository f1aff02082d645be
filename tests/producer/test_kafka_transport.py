"""Delivery to real brokers: the local one (Tansu, no idempotence) and Apache Kafka, dying and coming back."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from backends.kafka_backend import KafkaBackend
from backends.kafka_exchange import consume
from producer.conftest import Emitters
from runtally import KafkaConnection, KafkaTransport, Record, RunEmitter, RunSnapshot, TransportUnavailable
from runtally_cli.local import ports
from runtally_cli.local.kafka import KafkaBroker
from runtally_cli.local.tansu import TansuBroker

TOPIC = RunSnapshot.topic


@pytest.fixture
def tansu(tmp_path: Path) -> Iterator[TansuBroker]:
    """A local broker that is not started yet; it listens on the same port after each start."""
    folder = tmp_path / "tansu"
    folder.mkdir()
    broker = TansuBroker(folder, ports.pick_free())
    yield broker
    broker.stop(0.0)


def emitter_to(bootstrap: str, emitters: Emitters, **given: Any) -> RunEmitter:
    kafka = KafkaConnection(bootstrap=bootstrap)
    return emitters(transport=KafkaTransport(kafka, timeout_seconds=2.0), kafka=kafka, **given)


def run_ids(values: list[bytes]) -> set[str]:
    return {json.loads(value)["run_id"] for value in values}


def test_runs_reach_the_broker_with_their_key(
    kafka: KafkaBackend, emitters: Emitters, unique: Callable[[str], str]
) -> None:
    topic = unique("runs")
    records = [Record(topic, f"run-{n % 10}".encode(), f'{{"n":{n}}}'.encode()) for n in range(500)]

    async def send() -> bool:
        transport = KafkaTransport(KafkaConnection(bootstrap=kafka.bootstrap))
        receipt = await transport.send(records)
        assert (list(receipt.refused), list(receipt.undelivered)) == ([], [])
        idempotent = transport._producer._txn_manager is not None if transport._producer else False
        await transport.close()
        return idempotent

    assert asyncio.run(send()) is kafka.idempotent
    values = consume(kafka.bootstrap, topic, 500, unique("group"))
    assert sorted(json.loads(value)["n"] for value in values) == list(range(500))
    of_one_key = [json.loads(value)["n"] for value in values if json.loads(value)["n"] % 10 == 3]
    assert of_one_key == sorted(of_one_key)


def test_a_broker_that_comes_late_gets_everything(
    tansu: TansuBroker, emitters: Emitters, unique: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    emitter = emitter_to(tansu.bootstrap, emitters)
    expected = {emitter.run().start().run_id for _ in range(5)}
    assert not emitter.flush(0.2)
    tansu.start()
    assert emitter.flush(20)
    assert run_ids(consume(tansu.bootstrap, TOPIC, 5, unique("group"))) == expected
    assert [record.name for record in caplog.records if record.levelno >= logging.WARNING] == ["runtally"]


def test_a_broker_that_dies_and_comes_back_empty_loses_nothing_new(
    tansu: TansuBroker, emitters: Emitters, unique: Callable[[str], str]
) -> None:
    tansu.start()
    emitter = emitter_to(tansu.bootstrap, emitters)
    emitter.run().start()
    assert emitter.flush(20)
    tansu.stop(0.0)
    expected = {emitter.run().start().run_id for _ in range(5)}
    assert not emitter.flush(0.2)
    tansu.start()
    assert emitter.flush(20)
    assert run_ids(consume(tansu.bootstrap, TOPIC, 5, unique("group"))) == expected
    tansu.stop(0.0)
    emitter.run().start()
    emitter.close(0.2)
    assert (emitter.stats.sent, emitter.stats.dropped) == (6, 1)


def test_a_broker_that_dies_while_idle_is_asked_for_its_topics_again(
    tansu: TansuBroker, emitters: Emitters, unique: Callable[[str], str]
) -> None:
    tansu.start()
    emitter = emitter_to(tansu.bootstrap, emitters)
    emitter.run().start()
    assert emitter.flush(20)
    tansu.stop(0.0)
    tansu.start()
    expected = {emitter.run().start().run_id}
    assert emitter.flush(20)
    assert run_ids(consume(tansu.bootstrap, TOPIC, 1, unique("group"))) == expected


def test_a_killed_kafka_gets_everything_at_least_once(
    private_kafka: KafkaBroker, emitters: Emitters, unique: Callable[[str], str]
) -> None:
    emitter = emitter_to(private_kafka.bootstrap, emitters)
    expected = [emitter.run().start().run_id for _ in range(50)]
    assert emitter.flush(30)
    private_kafka.kill()
    expected += [emitter.run().start().run_id for _ in range(50)]
    private_kafka.start()
    expected += [emitter.run().start().run_id for _ in range(50)]
    assert emitter.flush(60)
    assert emitter.stats.sent == 150
    assert run_ids(consume(private_kafka.bootstrap, TOPIC, 150, unique("group"))) == set(expected)


def test_what_the_broker_finds_too_large_is_refused_alone(kafka: KafkaBackend, unique: Callable[[str], str]) -> None:
    if not kafka.idempotent:
        pytest.skip("the local broker takes records of any size")
    topic = unique("small")
    records = [Record(topic, b"k", b"x" * size) for size in (10, 5000, 20)]

    async def send() -> list[Record]:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "1000"})])
        await admin.close()
        transport = KafkaTransport(KafkaConnection(bootstrap=kafka.bootstrap))
        incompressible = [record._replace(value=_noise(len(record.value))) for record in records]
        await transport.send(incompressible[:1])
        receipt = await transport.send(incompressible)
        await transport.close()
        assert list(receipt.undelivered) == []
        assert [refusal.record for refusal in receipt.refused] == [incompressible[1]]
        return incompressible

    sent = asyncio.run(send())
    assert consume(kafka.bootstrap, topic, 3, unique("group")) == [sent[0].value, sent[0].value, sent[2].value]


def _noise(size: int) -> bytes:
    return bytes(number * number % 251 ^ number // 7 % 256 for number in range(size))


def test_a_server_that_accepts_and_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = KafkaConnection(bootstrap=f"127.0.0.1:{silent.getsockname()[1]}")

        async def send() -> None:
            transport = KafkaTransport(connection, timeout_seconds=0.1)
            with pytest.raises(TransportUnavailable):
                await transport.send([Record(TOPIC, b"k", b"{}")])
            await transport.close()

        asyncio.run(send())


def test_connection_settings_that_fail_late_are_an_outage(emitters: Emitters) -> None:
    kafka = KafkaConnection(security_protocol="SSL", ca_file="/nowhere/ca.pem")
    emitter = emitters(transport=KafkaTransport(kafka), kafka=kafka)
    emitter.run().start()
    assert not emitter.flush(0.05)
    emitter.close(0.0)
    assert emitter.stats.dropped == 1


def test_aiokafka_is_quiet_in_the_emitters_thread_only(emitters: Emitters, caplog: pytest.LogCaptureFixture) -> None:
    emitter = emitter_to("127.0.0.1:1", emitters)
    emitter.run().start()
    assert not emitter.flush(0.3)
    logging.getLogger("aiokafka.client").error("of the agent itself")
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in loud] == ["runtally", "aiokafka.client"]
    assert threading.current_thread().name != "runtally-emitter"
