"""Where the Kafka brokers are and how to sign in there: the settings that every component shares."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SHORTEST_SECRET = 32
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class InvalidConnection(ValueError):
    """A connection setting that cannot work. `str()` names the setting and the remedy."""


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """The brokers' addresses and credentials. Password and secret are left out of `repr`.

    With a `signing_key` and its secret all that is published is signed (`runtally.signing`).
    """

    bootstrap: str = "127.0.0.1:9092"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = None
    ca_file: str | None = None
    signing_key: str | None = None
    signing_secret: str | None = None

    def __post_init__(self) -> None:
        if self.security_protocol not in SECURITY_PROTOCOLS:
            raise InvalidConnection(
                f"RUNTALLY_KAFKA_SECURITY_PROTOCOL is '{self.security_protocol}': "
                f"set one of {', '.join(SECURITY_PROTOCOLS)}"
            )
        if self.security_protocol.startswith("SASL"):
            if self.sasl_mechanism not in SASL_MECHANISMS:
                raise InvalidConnection(
                    f"RUNTALLY_KAFKA_SASL_MECHANISM is '{self.sasl_mechanism}': set one of {', '.join(SASL_MECHANISMS)}"
                )
            if not self.sasl_username or not self.sasl_password:
                raise InvalidConnection(
                    f"{self.security_protocol} needs RUNTALLY_KAFKA_SASL_USERNAME and RUNTALLY_KAFKA_SASL_PASSWORD"
                )

        if bool(self.signing_key) != bool(self.signing_secret):
            raise InvalidConnection(
                "RUNTALLY_KAFKA_SIGNING_KEY and RUNTALLY_KAFKA_SIGNING_SECRET go together: set both or none"
            )
        if self.signing_secret and len(self.signing_secret) < SHORTEST_SECRET:
            raise InvalidConnection(f"RUNTALLY_KAFKA_SIGNING_SECRET needs {SHORTEST_SECRET} characters or more")

    def __repr__(self) -> str:
        return f"KafkaConnection({self.bootstrap!r}, {self.security_protocol!r}, user={self.sasl_username!r})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "KafkaConnection":
        """The connection that the `RUNTALLY_KAFKA_*` variables describe. Raises `InvalidConnection`.

        Where they name no broker it is the local stack's, on `RUNTALLY_KAFKA_PORT`.
        """
        given = {
            name: value
            for name in cls.__dataclass_fields__
            if (value := environment.get(f"RUNTALLY_KAFKA_{name.upper()}"))
        }
        if port := environment.get("RUNTALLY_KAFKA_PORT"):
            given.setdefault("bootstrap", f"127.0.0.1:{port}")
        return cls(**given)

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that each aiokafka client takes. Reads the CA file: may raise `OSError`."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = ssl.create_default_context(cafile=self.ca_file)
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        return options
