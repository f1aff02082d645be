"""What an emitter can be told: who is running, where the messages go, and what happens when they cannot."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from runtally.connection import KafkaConnection

Overflow = Literal["block", "drop", "spool"]


class InvalidSettings(ValueError):
    """A setting that cannot work. `str()` names it and the remedy."""


def default_spool_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Where spooled messages wait unless told otherwise: the user's state folder."""
    state = environment.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "runtally" / "spool"


def _flag(text: str) -> bool:
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    if text.lower() not in known:
        raise ValueError("set true or false")
    return known[text.lower()]


def _positive(convert: Callable[[str], float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            return convert(text)
        except ValueError as error:
            raise ValueError("set a number") from error

    return read


# Environment variable -> the field it fills and how its text is read.
VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "RUNTALLY_WORKSPACE_ID": ("workspace_id", str),
    "RUNTALLY_AGENT_ID": ("agent_id", str),
    "RUNTALLY_AGENT_NAME": ("agent_name", str),
    "RUNTALLY_AGENT_VERSION": ("agent_version", str),
    "RUNTALLY_ENVIRONMENT": ("environment", str),
    "RUNTALLY_API_URL": ("api_url", str),
    "RUNTALLY_API_TOKEN": ("api_token", str),
    "RUNTALLY_API_CA_FILE": ("api_ca_file", str),
    "RUNTALLY_EMITTER_ENABLED": ("enabled", _flag),
    "RUNTALLY_EMITTER_STRICT": ("strict", _flag),
    "RUNTALLY_EMITTER_OVERFLOW": ("overflow", str),
    "RUNTALLY_EMITTER_BUFFER_BYTES": ("buffer_bytes", _positive(int)),
    "RUNTALLY_EMITTER_BLOCK_SECONDS": ("block_seconds", _positive(float)),
    "RUNTALLY_EMITTER_FLUSH_SECONDS": ("flush_seconds", _positive(float)),
    "RUNTALLY_EMITTER_SPOOL_DIR": ("spool_dir", Path),
    "RUNTALLY_EMITTER_SPOOL_BYTES": ("spool_bytes", _positive(int)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitterSettings:
    """Everything an emitter can be told; the defaults suit a local stack. Raises `InvalidSettings`.

    With `api_url` the messages go to the HTTP API, else to Kafka. When the buffer of `buffer_bytes` is full,
    `overflow` decides: `drop` counts and logs the newest, `block` waits for at most `block_seconds` and then
    drops, `spool` writes to files under `spool_dir`, which are sent later, also by the next process.
    """

    workspace_id: str = "default"
    agent_id: str = ""
    agent_name: str = ""
    agent_version: str = ""
    environment: str = ""

    kafka: KafkaConnection = field(default_factory=KafkaConnection)
    api_url: str = ""
    api_token: str = field(default="", repr=False)
    api_ca_file: str = ""

    enabled: bool = True
    strict: bool = False
    overflow: Overflow = "drop"
    buffer_bytes: int = 16 * 1024 * 1024
    block_seconds: float = 60.0
    flush_seconds: float = 5.0
    spool_dir: Path = field(default_factory=default_spool_dir)
    spool_bytes: int = 256 * 1024 * 1024

    linger_seconds: float = 0.05
    request_seconds: float = 10.0
    longest_pause_seconds: float = 10.0

    def __post_init__(self) -> None:
        if self.overflow not in get_args(Overflow):
            raise InvalidSettings(f"overflow is '{self.overflow}': set block, drop or spool")
        if self.api_url and not self.api_url.startswith(("http://", "https://")):
            raise InvalidSettings(f"api_url is '{self.api_url}': begin it with http:// or https://")
        for name in ("buffer_bytes", "spool_bytes", "request_seconds", "longest_pause_seconds"):
            if not getattr(self, name) > 0:
                raise InvalidSettings(f"{name} is {getattr(self, name)}: set a number above 0")
        for name in ("block_seconds", "flush_seconds", "linger_seconds"):
            if not getattr(self, name) >= 0:
                raise InvalidSettings(f"{name} is {getattr(self, name)}: set 0 or more seconds")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **given: Any) -> "EmitterSettings":
        """The settings that the `RUNTALLY_*` variables describe; what is `given` here comes before them.

        Raises `InvalidSettings`, or `InvalidConnection` for the variables about Kafka.
        """
        settings: dict[str, Any] = {"kafka": KafkaConnection.from_environment(environment)}
        if spool := environment.get("XDG_STATE_HOME"):
            settings["spool_dir"] = default_spool_dir({"XDG_STATE_HOME": spool})
        for variable, (name, read) in VARIABLES.items():
            text = environment.get(variable, "")
            if not text or name in given:
                continue
            try:
                settings[name] = read(text)
            except ValueError as error:
                raise InvalidSettings(f"{variable} is '{text}': {error}") from error
        return cls(**settings | given)

    @property
    def destination(self) -> str:
        """Where the messages go, in words for a log line."""
        return self.api_url or f"Kafka at {self.kafka.bootstrap}"
