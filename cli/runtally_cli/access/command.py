"""Keys, local users and tokens: what stays in this process, and the operations that the store is asked for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from runtally_api.identity.api_keys import new_key
from runtally_api.identity.authentication import token_rules
from runtally_api.identity.claims import named_workspaces
from runtally_api.identity.passwords import hash_password
from runtally_api.identity.permissions import Permission, Role
from runtally_api.identity.settings import IdentitySettings, InvalidIdentity
from runtally_api.identity.tokens import TokenSigner
from runtally_clickhouse.row_columns import listed

from runtally_cli.access.person import this_person
from runtally_cli.local.admin import store_access
from runtally_cli.local.settings import LocalSettings


def ask(operation: str, **parameters: Any) -> Any:
    """Run a named operation in this person's name. Raises as `store_access` and its `run`."""
    with store_access(LocalSettings()) as access:
        return access.run(operation, {**parameters, **this_person()})


def create_key(name: str, permissions: Sequence[Permission], workspaces: Sequence[str], days: int) -> tuple[str, Any]:
    """The text of a new key, which is nowhere else, and what is known of it. Raises as `ask`."""
    reach = named_workspaces(frozenset(workspaces))
    made = new_key(name, frozenset(permissions), reach, "", datetime.now(UTC), None)
    shown = ask(
        "key_create",
        key_id=made.stored.key_id,
        secret_sha256=made.secret_sha256,
        name=name,
        permissions=sorted(made.stored.permissions),
        workspaces=listed(reach),
        days=days,
    )
    return made.text, shown


def add_user(email: str, role: Role, workspaces: Sequence[str], password: str) -> Any:
    """Raises as `ask`, and `WeakPassword`."""
    reach = listed(named_workspaces(frozenset(workspaces)))
    return ask("user_add", email=email, role=role.value, workspaces=reach, password_hash=hash_password(password))


def change_password(email: str, password: str) -> Any:
    """Raises as `add_user`."""
    return ask("user_password", email=email, password_hash=hash_password(password))


def dev_token(subject: str, email: str, role: Role, workspaces: Sequence[str], minutes: int) -> str:
    """A token that the API of these settings believes. Raises `InvalidIdentity`."""
    settings = IdentitySettings()
    settings.require_keys()
    if settings.secret is None:
        raise InvalidIdentity(
            "RUNTALLY_AUTH_SECRET is not set: set it here as for the API, to 32 bytes or more (openssl rand -base64 48)"
        )
    said = {"subject": subject, "email": email, "role": role.value, "workspaces": sorted(set(workspaces))}
    signer = TokenSigner(token_rules(settings), settings.secret)
    return signer.sign(said, datetime.now(UTC), timedelta(minutes=minutes))


def key_line(key: Mapping[str, Any], now: datetime) -> str:
    """A key for a person."""
    state = "active"
    if key["revoked_at"]:
        state = "revoked"
    elif key["expires_at"] and datetime.fromisoformat(key["expires_at"]) <= now:
        state = "expired"
    used = f"last used {key['last_used_at'][:16]}Z" if key["last_used_at"] else "never used"
    ends = f"ends {key['expires_at'][:10]}" if key["expires_at"] else "has no end"
    what = f"{', '.join(key['permissions'])} in {', '.join(key['workspaces'])}"
    return f"{key['prefix']}  {state:8} {key['name']}: {what}; {ends}, {used}, made by {key['created_by']}"


def user_line(user: Mapping[str, Any]) -> str:
    """A user for a person."""
    return f"{user['email']}  {user['role']} of {', '.join(user['workspaces']) or 'no workspace'}"
