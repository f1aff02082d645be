"""The Kafka connection settings, from the environment to aiokafka's options."""

import ssl
from pathlib import Path

import pytest
from runtally.connection import InvalidConnection, KafkaConnection

SASL = {
    "RUNTALLY_KAFKA_BOOTSTRAP": "kafka.example:9094",
    "RUNTALLY_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "RUNTALLY_KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
    "RUNTALLY_KAFKA_SASL_USERNAME": "fleet",
    "RUNTALLY_KAFKA_SASL_PASSWORD": "hush",
}


def test_without_settings_it_is_the_local_broker() -> None:
    connection = KafkaConnection.from_environment({})
    assert connection == KafkaConnection()
    assert connection.client_options() == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "PLAINTEXT",
    }


def test_an_empty_variable_is_none() -> None:
    assert KafkaConnection.from_environment({"RUNTALLY_KAFKA_BOOTSTRAP": ""}).bootstrap == "127.0.0.1:9092"


def test_signing_in() -> None:
    options = KafkaConnection.from_environment(SASL).client_options()
    assert options["sasl_mechanism"] == "SCRAM-SHA-256"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("fleet", "hush")
    assert "ssl_context" not in options


def test_tls_makes_a_context_that_verifies() -> None:
    context = KafkaConnection(security_protocol="SSL").client_options()["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_missing_ca_file_is_noticed_when_connecting(tmp_path: Path) -> None:
    connection = KafkaConnection(security_protocol="SSL", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(OSError, match="No such file"):
        connection.client_options()


def test_the_password_is_in_no_repr() -> None:
    assert "hush" not in repr(KafkaConnection.from_environment(SASL))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"RUNTALLY_KAFKA_SECURITY_PROTOCOL": "TLS"}, "SECURITY_PROTOCOL is 'TLS'"),
        ({"RUNTALLY_KAFKA_SASL_MECHANISM": "GSSAPI"}, "SASL_MECHANISM is 'GSSAPI'"),
        ({"RUNTALLY_KAFKA_SASL_PASSWORD": ""}, "SASL_PASSWORD"),
        ({"RUNTALLY_KAFKA_SASL_USERNAME": ""}, "SASL_USERNAME"),
    ],
)
def test_what_cannot_work_is_named(changed: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidConnection, match=named):
        KafkaConnection.from_environment(SASL | changed)


def test_without_brokers_it_is_the_local_stack_on_its_port() -> None:
    assert KafkaConnection.from_environment({"RUNTALLY_KAFKA_PORT": "19092"}).bootstrap == "127.0.0.1:19092"
    both = {"RUNTALLY_KAFKA_PORT": "19092", "RUNTALLY_KAFKA_BOOTSTRAP": "kafka:9092"}
    assert KafkaConnection.from_environment(both).bootstrap == "kafka:9092"
