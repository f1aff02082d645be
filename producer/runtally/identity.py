"""The identity of a run: UUIDv7 keys, minted by the emitter or derived from a given id and a start.

The layout is that of RFC 9562 section 5.7: 48 bits of Unix milliseconds, version 7, 12 bits, variant 10,
62 bits.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Version 7 and the RFC variant, in the canonical form: any other text is an opaque id.
UUID7_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
_UUID7 = re.compile(UUID7_PATTERN, re.ASCII)


def is_uuid7(text: str) -> bool:
    """Whether `text` is a UUID of version 7 and RFC variant in its canonical form, in either case."""
    return _UUID7.fullmatch(text) is not None


def epoch_ms(instant: datetime) -> int:
    """The instant in Unix milliseconds, cut (not rounded) to the millisecond."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def uuid7_ms(run_id: UUID) -> int:
    """The Unix milliseconds inside a UUIDv7: up to the year 10889, past what a datetime can hold."""
    return run_id.int >> 80


def uuid7_started_at(run_id: UUID) -> datetime:
    """The instant inside a UUIDv7, to the millisecond, in UTC. Raises `OverflowError` past the year 9999."""
    return EPOCH + timedelta(milliseconds=uuid7_ms(run_id))


def mint_uuid7(now: datetime, random_bits: Callable[[int], int] = secrets.randbits) -> UUID:
    """A new UUIDv7 for a run that starts at `now`."""
    return _uuid7(epoch_ms(now), random_bits(12), random_bits(62))


def derive_uuid7(workspace_id: str, given_id: str, started_at: datetime) -> UUID:
    """The stored key of a run whose given id is not a UUIDv7.

    A function of (workspace_id, given id, start cut to the millisecond) and of nothing else, so every
    snapshot of the run, wherever it is decoded, lands on the same key. The random parts come from SHA-256
    over the two ids, the first with its length in front so that ("a", "bc") and ("ab", "c") differ.
    """
    return UUID(int=derive_uuid7_int(workspace_id, given_id, epoch_ms(started_at)))


def derive_uuid7_int(workspace_id: str, given_id: str, started_at_ms: int) -> int:
    """`derive_uuid7` as an integer, from milliseconds: the form the columnar decoder needs."""
    digest = hashlib.sha256(f"{len(workspace_id)}:{workspace_id}{given_id}".encode()).digest()
    bits = int.from_bytes(digest[:10], "big")
    return _uuid7_int(started_at_ms, bits >> 68, bits & ((1 << 62) - 1))


def _uuid7(unix_ms: int, rand_a: int, rand_b: int) -> UUID:
    return UUID(int=_uuid7_int(unix_ms, rand_a, rand_b))


def _uuid7_int(unix_ms: int, rand_a: int, rand_b: int) -> int:
    return unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b
