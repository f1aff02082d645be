"""A started Kafka producer with the guarantees that Runtally's messages need, whatever the broker knows."""

import logging
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IncompatibleBrokerVersion, UnknownError, UnsupportedVersionError

from runtally.connection import KafkaConnection

MAX_REQUEST_BYTES = 1024 * 1024
_NO_IDEMPOTENCE = (UnknownError, UnsupportedVersionError, IncompatibleBrokerVersion)
_log = logging.getLogger(__name__)


async def start_producer(connection: KafkaConnection, client_id: str, **options: Any) -> AIOKafkaProducer:
    """A producer that waits for all in-sync replicas, idempotent where the broker can.

    The local broker answers InitProducerId with an error; there, a send that is retried may be stored twice,
    which changes no answer. Raises `KafkaError` or `OSError` when no broker answers; nothing is left open
    then, nor when it is cancelled.
    """
    try:
        return await _start(connection, client_id, enable_idempotence=True, **options)
    except _NO_IDEMPOTENCE as error:
        _log.debug("the broker does not know idempotence: %s", type(error).__name__)
        return await _start(connection, client_id, enable_idempotence=False, **options)


async def _start(connection: KafkaConnection, client_id: str, **options: Any) -> AIOKafkaProducer:
    defaults = {"acks": "all", "compression_type": "lz4", "max_request_size": MAX_REQUEST_BYTES}
    producer = AIOKafkaProducer(client_id=client_id, **connection.client_options(), **{**defaults, **options})
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer
