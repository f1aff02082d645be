"""Answers about who asks."""

from typing import Final

from runtally_ui.answers import Answer

HOW_KNOWN_PATH: Final = "/api/v1/auth"


class HowKnown(Answer):
    """How the API knows its callers."""

    is_open: bool = True
    has_local_users: bool = False
    listens_wider: bool = False


class Tokens(Answer):
    """What a signed-in user goes on with."""

    access_token: str
    refresh_token: str
    expires_in: int


class WhoIAm(Answer):
    """The caller, as the API knows them."""

    subject: str
    email: str = ""
    permissions: tuple[str, ...] = ()
    workspaces: tuple[str, ...] = ()
