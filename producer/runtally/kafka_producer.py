"""A started Kafka producer with the guarantees that Runtally's messages need, whatever the broker knows."""

from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.transaction import InitProducerIdRequest

from runtally.connection import KafkaConnection
from runtally.signing import SigningProducer

MAX_REQUEST_BYTES = 1024 * 1024
_TRANSACTION_TIMEOUT_MS = 60_000


async def start_producer(
    connection: KafkaConnection, client_id: str, *, signs: bool = True, **options: Any
) -> AIOKafkaProducer:
    """A producer that waits for all in-sync replicas, idempotent where the broker can.

    The local broker refuses InitProducerId; there, a send that is retried may be stored twice, which changes
    no answer. It signs what it sends, where the connection has a key and `signs`. Raises `KafkaError` or `OSError` when
    no broker answers; nothing is left open then.
    """
    defaults = {
        "acks": "all",
        "compression_type": "lz4",
        "max_request_size": MAX_REQUEST_BYTES,
        "enable_idempotence": await knows_idempotence(connection),
    }
    settings = {"client_id": client_id, **connection.client_options(), **defaults, **options}
    if signs and connection.signing_key and connection.signing_secret:
        producer = SigningProducer(**settings).signed_by(connection.signing_key, connection.signing_secret)
    else:
        producer = AIOKafkaProducer(**settings)
    try:
        await producer.start()
    except BaseException:  # a cancelled start leaves nothing open either
        await producer.stop()
        raise
    return producer


async def knows_idempotence(connection: KafkaConnection) -> bool:
    """Whether the broker hands out producer ids; asked of it, as a broker may list the request and refuse it.

    Raises `KafkaError` or `OSError` when no broker answers.
    """
    client = AIOKafkaClient(**connection.client_options())
    try:
        await client.bootstrap()
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS)
        response = await client.send(client.get_random_node(), request)
    except IncompatibleBrokerVersion:
        return False
    finally:
        await client.close()
    # Anything else (a coordinator that is still loading, say) is a broker that knows the request.
    return bool(response.error_code not in (-1, 35))
