"""Whether a loopback port can be had, and the sentence for when it can't."""

import socket

LOOPBACK = "127.0.0.1"


class PortInUse(RuntimeError):
    """Something else listens there. The message is ready to be shown to a person."""


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """True when a server could listen on `host:port` now; it promises nothing about later."""
    if answers(port, host):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        # Connections of a server just gone (TIME_WAIT) don't keep its port.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
        except OSError:
            return False
    return True


def answers(port: int, host: str = LOOPBACK, timeout: float = 1.0) -> bool:
    """True when something accepts a TCP connection on `host:port`."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False


def require_free(port: int, variable: str, host: str = LOOPBACK) -> None:
    """Raise PortInUse, naming the environment variable that moves the port."""
    if not is_free(port, host):
        raise PortInUse(f"port {port} is in use; set {variable} to another")


def pick_free(host: str = LOOPBACK, *, besides: int = 0) -> int:
    """A port that was free a moment ago, for servers whose port nobody needs to know beforehand.

    Never `besides`, which somebody is about to use and which is as free as any until then.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.bind((host, 0))
        port: int = candidate.getsockname()[1]
    return pick_free(host, besides=besides) if port == besides else port
