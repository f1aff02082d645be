"""Passwords of local users: argon2id, and the same work for somebody who is not known."""

import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

LEAST_CHARACTERS: Final = 12
MOST_CHARACTERS: Final = 1024
# Each takes 64 MiB while it runs: together they must fit beside the answers.
_AT_ONCE: Final = threading.BoundedSemaphore(2)


class WeakPassword(ValueError):
    """Too short or too long. The message is ready to be shown to a person."""


def hash_password(password: str) -> str:
    """Its argon2id hash with parameters and salt. Raises `WeakPassword`."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise WeakPassword(f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters")
    with _AT_ONCE:
        return PasswordHasher().hash(_bytes(password))


def is_password(password: str, password_hash: str | None) -> bool:
    """Whether the hash is that of the password. None is nobody's, and takes as long to find out."""
    with _AT_ONCE:
        try:
            matches = PasswordHasher().verify(password_hash or _nobodys_hash(), _bytes(password))
        except (Argon2Error, InvalidHashError):
            return False
    return matches and password_hash is not None


@cache
def _nobodys_hash() -> str:
    return PasswordHasher().hash("nobody has this password")


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
