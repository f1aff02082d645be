"""API keys of services and emitters."""

from typing import Final, Protocol

from runtally_api.identity.caller import Caller

KEY_MARK: Final = "rtk_"


class KeyReader(Protocol):
    """Finds the caller that an API key stands for; None when it is unknown, expired or revoked. Blocks."""

    def caller(self, key: str) -> Caller | None: ...


class NoKeys:
    """There are no keys."""

    def caller(self, key: str) -> Caller | None:
        return None
