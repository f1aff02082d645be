"""Who runs a command, and on which machine: what the audit log has of it."""

import getpass
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from runtally_api.identity.audit import AuditTrail, Origin
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import Permission
from runtally_clickhouse.audit_log import Act
from runtally_clickhouse.client import Store


def this_person() -> dict[str, str]:
    """What a command says of itself to an operation. It is believed: who gets here holds the store."""
    return {"by": getpass.getuser(), "host": socket.gethostname()}


def caller_of(parameters: Mapping[str, Any]) -> Caller:
    """Whoever ran the command that asks for an operation with these parameters."""
    return Caller(f"command:{parameters.get('by', '')}", "", frozenset(Permission), None)


def recorded(
    store: Store,
    parameters: Mapping[str, Any],
    act: Act,
    *,
    workspaces: frozenset[str] | None,
    target: str,
    details: Mapping[str, str] | None = None,
) -> AbstractContextManager[None]:
    """As `AuditTrail.around`, with the machine's name as the address. Raises `StoreError`."""
    trail = AuditTrail(store, lambda: datetime.now(UTC))
    origin = Origin(str(parameters.get("host", "")), "")
    return trail.around(caller_of(parameters), act, origin, workspaces=workspaces, target=target, details=details)
