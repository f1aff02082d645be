"""What the claims of a verified token mean: the caller. Pure.

A token that names no workspace sees none; all of them is `"*"`. A role that is not ours grants nothing. With a role,
`permissions` can only narrow what it grants; without one they are what there is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from runtally_api.identity.api_keys import KEY_SUBJECT
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import GRANTED, Permission, Role
from runtally_api.identity.settings import IdentitySettings

ALL_WORKSPACES: Final = "*"
MOST_WORKSPACES: Final = 1000
LONGEST_NAME: Final = 256
_HALF: Final = re.compile("[\ud800-\udfff]")


class InvalidClaims(ValueError):
    """A claim is not of the shape that it must have."""


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """What each claim is called in this installation's tokens. `session` is in those alone that are signed here."""

    subject: str = "sub"
    email: str = "email"
    workspace: str = "workspaceId"
    workspaces: str = "workspaces"
    role: str = "role"
    permissions: str = "permissions"
    session: str = "runtally_session"

    @classmethod
    def of(cls, settings: IdentitySettings) -> "ClaimNames":
        return cls(
            settings.auth_claim_subject,
            settings.auth_claim_email,
            settings.auth_claim_workspace,
            settings.auth_claim_workspaces,
            settings.auth_claim_role,
            settings.auth_claim_permissions,
        )


def caller_of(claims: Mapping[str, Any], names: ClaimNames) -> Caller:
    """The caller that verified claims describe. Raises `InvalidClaims`."""
    subject = claims.get(names.subject)
    if not _is_name(subject):
        raise InvalidClaims(names.subject)
    if subject.startswith(KEY_SUBJECT):  # nobody may stand in the audit log as a key
        raise InvalidClaims(names.subject)
    email = claims.get(names.email)
    workspaces = _names(claims, names.workspace) | _names(claims, names.workspaces)
    return Caller(
        subject,
        email[:LONGEST_NAME] if isinstance(email, str) and not _HALF.search(email) else "",
        _permissions(claims, names),
        named_workspaces(workspaces),
    )


def named_workspaces(names: frozenset[str]) -> frozenset[str] | None:
    """The workspaces that names mean: all, said by None, when `*` is among them."""
    return None if ALL_WORKSPACES in names else names


def _permissions(claims: Mapping[str, Any], names: ClaimNames) -> frozenset[Permission]:
    named = _names(claims, names.permissions)
    permissions = frozenset(permission for permission in Permission if permission in named)
    if names.role not in claims:
        return permissions
    roles = _names(claims, names.role)
    granted = frozenset(permission for role in Role if role in roles for permission in GRANTED[role])
    return granted & permissions if names.permissions in claims else granted


def _names(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """The names in a claim: one, or a list of them; none when it is not there."""
    given = claims.get(name)
    if given is None:
        return frozenset()
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or len(listed) > MOST_WORKSPACES:
        raise InvalidClaims(name)
    if not all(_is_name(item) for item in listed):
        raise InvalidClaims(name)
    return frozenset(listed)


def _is_name(given: Any) -> TypeGuard[str]:
    """Of a bounded length, and text that can be written: JSON can spell halves of characters that are none."""
    return isinstance(given, str) and 0 < len(given) <= LONGEST_NAME and not _HALF.search(given)
