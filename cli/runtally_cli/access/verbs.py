"""The commands `runtally keys`, `runtally users` and `runtally dev-token`."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from runtally_api.identity.permissions import Permission, Role

from runtally_cli.console import fail, plain_errors, say

T = TypeVar("T")
keys = typer.Typer(no_args_is_help=True, help="API keys of services and emitters.")
users = typer.Typer(no_args_is_help=True, help="People who sign in here, where there is no identity provider.")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Email = Annotated[str, typer.Argument(help="Their email.")]
Workspaces = Annotated[list[str], typer.Option("--workspace", help="Repeatable; `*` is all of them.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    permission: Annotated[list[Permission], typer.Option("--permission", help="Repeatable.")],
    workspace: Workspaces,
    days: Annotated[
        int, typer.Option(min=0, max=3650, help="Days that it is good for; 0 is until it is revoked.")
    ] = 365,
) -> None:
    """Make an API key and show it, once: nobody can show it again."""
    with plain_errors():
        from runtally_cli.access.command import create_key

        text, _ = _told(lambda: create_key(name, permission, workspace, days))
    typer.echo("shown once, keep it where secrets are kept:", err=True)
    say(text)


@keys.command("list")
def keys_list(as_json: AsJson = False) -> None:
    """List API keys, the newest first; never their secrets."""
    with plain_errors():
        from runtally_cli.access.command import ask, key_line

        found = ask("key_list")
    lines = [key_line(key, datetime.now(UTC)) for key in found] or ["no API keys"]
    for line in [json.dumps(found, indent=2)] if as_json else lines:
        say(line)


@keys.command("revoke")
def keys_revoke(key_id: Annotated[str, typer.Argument(help="How it begins, as `keys list` shows it.")]) -> None:
    """Revoke an API key: the next request that shows it is refused."""
    with plain_errors():
        from runtally_cli.access.command import ask

        key = _told(lambda: ask("key_revoke", key_id=key_id))
    say(f"{key['prefix']} is revoked")


@users.command("add")
def users_add(
    email: Email,
    role: Annotated[Role, typer.Option("--role", help="What they may do.")],
    workspace: Workspaces,
    password_stdin: FromStdin = False,
) -> None:
    """Add somebody who signs in by email and password."""
    with plain_errors():
        from runtally_cli.access.command import add_user, user_line

        password = _password(password_stdin)
        user = _told(lambda: add_user(email, role, workspace, password))
    say(user_line(user))


@users.command("list")
def users_list(as_json: AsJson = False) -> None:
    """List the people who sign in here."""
    with plain_errors():
        from runtally_cli.access.command import ask, user_line

        found = ask("user_list")
    lines = [user_line(user) for user in found] or ["no users"]
    for line in [json.dumps(found, indent=2)] if as_json else lines:
        say(line)


@users.command("remove")
def users_remove(email: Email) -> None:
    """Remove somebody; their sign-ins end when their access tokens do."""
    with plain_errors():
        from runtally_cli.access.command import ask

        user = _told(lambda: ask("user_remove", email=email))
    say(f"{user['email']} is removed")


@users.command("password")
def users_password(email: Email, password_stdin: FromStdin = False) -> None:
    """Give somebody another password; their sign-ins end when their access tokens do."""
    with plain_errors():
        from runtally_cli.access.command import change_password

        password = _password(password_stdin)
        user = _told(lambda: change_password(email, password))
    say(f"{user['email']} has a new password")


def dev_token(
    role: Annotated[Role, typer.Option(help="What its bearer may do.")] = Role.OWNER,
    workspace: Annotated[
        list[str] | None, typer.Option("--workspace", help="Repeatable; all workspaces without.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Who it is.")] = "dev",
    email: Annotated[str, typer.Option(help="Their email.")] = "",
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long it is good for.")] = 60,
) -> None:
    """Sign a token with RUNTALLY_AUTH_SECRET, for trying things out."""
    with plain_errors():
        from runtally_cli.access.command import dev_token as sign

        token = sign(subject, email, role, workspace or ["*"], minutes)
    say(token)


def _told(act: Callable[[], T]) -> T:
    """What the act returns; what it says cannot be is told as such."""
    try:
        return act()
    except ValueError as error:
        fail(str(error))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    given: str = typer.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
    return given
