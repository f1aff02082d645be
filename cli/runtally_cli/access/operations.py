"""Keys and local users as named operations: they run in whichever process holds the store.

What is secret never comes here: keys come as their digest, passwords as their hash.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from runtally_api.identity.api_keys import KEY_MARK
from runtally_api.identity.permissions import Permission, Role
from runtally_api.identity.sign_in import account_name
from runtally_clickhouse.api_keys import StoredKey, add_key, newest_keys, revoke_key
from runtally_clickhouse.audit_log import Act
from runtally_clickhouse.client import Store
from runtally_clickhouse.local_users import StoredUser, find_users, put_user
from runtally_clickhouse.row_columns import as_set, listed

from runtally_cli.access.person import caller_of, recorded


def key_create(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Add the key that the parameters describe. Raises `StoreError`, or `ValueError` for what cannot be."""
    now = datetime.now(UTC)
    permissions = frozenset(Permission(name).value for name in parameters["permissions"])
    workspaces = as_set([str(name) for name in parameters["workspaces"]])
    days = int(parameters["days"])
    expires_at = now + timedelta(days=days) if days else None
    by = caller_of(parameters)
    key = StoredKey(
        str(parameters["key_id"]), str(parameters["name"]), permissions, workspaces, by.subject, now, expires_at
    )
    details = {"name": key.name, "permissions": " ".join(sorted(permissions))}
    target = f"{KEY_MARK}{key.key_id}"
    with recorded(store, parameters, Act.KEY_CREATE, workspaces=workspaces, target=target, details=details):
        add_key(store, key, str(parameters["secret_sha256"]))
    return _shown(key)


def key_list(store: Store, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All keys, the newest first. Raises `StoreError`."""
    return [_shown(key) for key in newest_keys(store)]


def key_revoke(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Revoke a key. Raises `StoreError`, or `ValueError` when there is none of that id."""
    key_id = str(parameters["key_id"]).removeprefix(KEY_MARK).partition("_")[0]
    found = newest_keys(store, None, [key_id])
    if not found:
        raise ValueError(f"no API key {KEY_MARK}{key_id}: `runtally keys list` shows them")
    (key,) = found
    if key.revoked_at is None:
        by, now, target = caller_of(parameters), datetime.now(UTC), f"{KEY_MARK}{key_id}"
        with recorded(store, parameters, Act.KEY_REVOKE, workspaces=key.workspaces, target=target):
            revoke_key(store, key_id, by.subject, now)
        key = replace(key, revoked_at=now)
    return _shown(key)


def user_add(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Add a user. Raises `StoreError`, or `ValueError` when there is one of that email or it is none."""
    email = account_name(str(parameters["email"]))
    if "@" not in email or len(email) > 254:
        raise ValueError(f"'{email[:60]}' is no email: write it as ann@example.com")
    if find_users(store, email):
        raise ValueError(f"there is a user {email}: change the password, or remove them first")
    role, workspaces = Role(parameters["role"]), as_set([str(name) for name in parameters["workspaces"]])
    user = StoredUser(email, str(parameters["password_hash"]), role.value, workspaces)
    _put(store, parameters, user, "added")
    return _described(user)


def user_list(store: Store, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All users, by email. Raises `StoreError`."""
    return [_described(user) for user in find_users(store)]


def user_remove(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Remove a user; their sign-ins end. Raises `StoreError`, or `ValueError` when there is none of that email."""
    user = _known(store, parameters)
    _put(store, parameters, user, "removed")
    return _described(user)


def user_password(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give a user another password; their sign-ins end. Raises as `user_remove`."""
    user = replace(_known(store, parameters), password_hash=str(parameters["password_hash"]))
    _put(store, parameters, user, "password")
    return _described(user)


def _put(store: Store, parameters: Mapping[str, Any], user: StoredUser, change: str) -> None:
    now = datetime.now(UTC)
    details = {"change": change, "role": user.role}
    with recorded(store, parameters, Act.USER_CHANGE, workspaces=user.workspaces, target=user.email, details=details):
        put_user(store, replace(user, signed_in_since=now), now, is_removed=change == "removed")


def _known(store: Store, parameters: Mapping[str, Any]) -> StoredUser:
    email = account_name(str(parameters["email"]))
    found = find_users(store, email)
    if not found:
        raise ValueError(f"no user {email[:60]}: `runtally users list` shows them")
    return found[0]


def _shown(key: StoredKey) -> dict[str, Any]:
    times = {"created_at": key.created_at, "expires_at": key.expires_at}
    times |= {"last_used_at": key.used_at, "revoked_at": key.revoked_at}
    return {
        "prefix": f"{KEY_MARK}{key.key_id}",
        "name": key.name,
        "permissions": sorted(key.permissions),
        "workspaces": listed(key.workspaces),
        "created_by": key.created_by,
        **{name: None if at is None else at.isoformat() for name, at in times.items()},
    }


def _described(user: StoredUser) -> dict[str, Any]:
    return {"email": user.email, "role": user.role, "workspaces": listed(user.workspaces)}
