"""Where the local stack runs."""

import platform

_MACHINES = {"x86_64", "amd64", "aarch64", "arm64"}
_SYSTEMS = {"Linux", "Darwin"}


class UnsupportedPlatform(RuntimeError):
    """The local broker and the embedded ClickHouse have no build for this machine."""


def require_supported(system: str | None = None, machine: str | None = None) -> None:
    """Raise UnsupportedPlatform with what to do instead; the arguments default to this machine's."""
    system = platform.system() if system is None else system
    machine = platform.machine() if machine is None else machine
    if system in _SYSTEMS and machine.lower() in _MACHINES:
        return
    ways_out = "use WSL 2, or " if system == "Windows" else ""
    raise UnsupportedPlatform(
        "the local stack runs on Linux and macOS, on x86-64 and ARM; "
        f"this is {system or 'an unknown system'} on {machine or 'an unknown machine'}: "
        f"{ways_out}point runtally at a Kafka and a ClickHouse that run elsewhere"
    )
