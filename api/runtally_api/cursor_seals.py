"""A cursor goes on for those who see what its first page was made of, and for nobody else. Pure."""

import hashlib
import json

from runtally_api.dependencies import RunQuery
from runtally_api.problems import FieldError, InvalidRequest

_MARK = "."
_SEAL_CHARACTERS = 16


def sealed(query: RunQuery, text: str) -> str:
    """The text of a cursor, with a mark of the workspaces that the asker sees; as it is for who sees all."""
    return sealed_for(query.scope.workspaces, text)


def sealed_for(workspaces: frozenset[str] | None, text: str) -> str:
    """As `sealed`, of a list that is no question about runs."""
    seal = _seal(workspaces)
    return f"{text}{_MARK}{seal}" if seal else text


def opened(query: RunQuery, text: str) -> str:
    """The text that was sealed. Raises `InvalidRequest` for another caller's."""
    return opened_for(query.scope.workspaces, text)


def opened_for(workspaces: frozenset[str] | None, text: str) -> str:
    """As `opened`, of a list that is no question about runs."""
    inner, _, seal = text.partition(_MARK)
    if seal != _seal(workspaces):
        raise not_ours()
    return inner


def not_ours() -> InvalidRequest:
    """What is said of a cursor that cannot be read, whatever the reason."""
    return InvalidRequest(FieldError("cursor", "is not one of ours", "send next_cursor of the page before, unchanged"))


def _seal(workspaces: frozenset[str] | None) -> str:
    if workspaces is None:
        return ""
    return hashlib.sha256(json.dumps(sorted(workspaces)).encode()).hexdigest()[:_SEAL_CHARACTERS]
