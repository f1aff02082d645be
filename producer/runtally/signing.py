"""Signed records: two headers that tie a record to a producer's key, and so to the workspaces that it may write to.

`runtally-key` names the key; `runtally-signature` is HMAC-SHA256 over the value's bytes, as 64 hexadecimal digits.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from aiokafka import AIOKafkaProducer

KEY_HEADER, SIGNATURE_HEADER = "runtally-key", "runtally-signature"
# What a record that is refused for its signature is told.
NOT_SIGNED = f"is not signed by exactly one {KEY_HEADER} and {SIGNATURE_HEADER}"
NOT_BY_A_KEY = "is not signed by a known key, or not with its secret"
NOT_ITS_WORKSPACE = "is not a workspace of the key"
Headers = Sequence[tuple[str, bytes | None]]


def signature(secret: str, value: bytes) -> str:
    """What `runtally-signature` must hold."""
    return hmac.new(secret.encode(), value, sha256).hexdigest()


def is_about_signature(told: str) -> bool:
    """Whether a dead letter's message says that nobody vouched for the record: it may be forged."""
    return told.startswith((NOT_SIGNED, NOT_BY_A_KEY, f"workspace_id {NOT_ITS_WORKSPACE} '"))


class SigningProducer(AIOKafkaProducer):  # type: ignore[misc] # aiokafka has no types
    """A producer that signs whatever it sends; signatures of others that a record bears are replaced."""

    key_id = ""
    secret = ""

    def signed_by(self, key_id: str, secret: str) -> "SigningProducer":
        self.key_id, self.secret = key_id, secret
        return self

    async def send(self, topic, value=None, key=None, partition=None, timestamp_ms=None, headers=None):  # type: ignore[no-untyped-def]
        return await super().send(topic, value, key, partition, timestamp_ms, self._signed(value, headers or ()))

    def create_batch(self):  # type: ignore[no-untyped-def]
        batch = super().create_batch()
        append = batch.append

        def signed(*, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Headers = ()) -> object:
            return append(timestamp=timestamp, key=key, value=value, headers=self._signed(value, headers))

        batch.append = signed
        return batch

    def _signed(self, value: bytes | None, headers: Headers) -> list[tuple[str, bytes | None]]:
        own = [one for one in headers if one[0] not in (KEY_HEADER, SIGNATURE_HEADER)]
        signed = signature(self.secret, value or b"").encode()
        return [*own, (KEY_HEADER, self.key_id.encode()), (SIGNATURE_HEADER, signed)]
