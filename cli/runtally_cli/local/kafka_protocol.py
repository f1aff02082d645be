"""The one question that tells a broker from anything else that holds a port."""

import socket
import struct
from typing import Final

from runtally_cli.local.ports import LOOPBACK

_CORRELATION_ID: Final = 0x52544C59
_API_VERSIONS: Final = 18
_ANSWER_SECONDS: Final = 1.0
# Request header v1 (key, version, correlation id, client id), with the empty body of version 0.
_REQUEST: Final = struct.pack(">hhih8s", _API_VERSIONS, 0, _CORRELATION_ID, 8, b"runtally")


def speaks_kafka(port: int, host: str = LOOPBACK) -> bool:
    """True when an ApiVersions request gets its answer; never raises for a network reason."""
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(_REQUEST)) + _REQUEST)
            with connection.makefile("rb") as answer:
                head = answer.read(8)
    except OSError:
        return False
    return len(head) == 8 and struct.unpack(">ii", head)[1] == _CORRELATION_ID
