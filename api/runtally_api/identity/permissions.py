"""Roles and permissions: the one matrix that routes, documentation and tests read."""

from enum import StrEnum


class Permission(StrEnum):
    """What a caller may do; the name is what a token's `permissions` claim and a key's scopes say."""

    VIEW_ANALYTICS = "view_analytics"
    EXPORT_ANALYTICS = "export_analytics"
    MANAGE_REPORTS = "manage_reports"
    VIEW_ALERTS = "view_alerts"
    MANAGE_ALERTS = "manage_alerts"
    INGEST_RUNS = "ingest_runs"
    ERASE_DATA = "erase_data"
    MANAGE_KEYS = "manage_keys"
    VIEW_AUDIT = "view_audit"


class Role(StrEnum):
    """A named set of permissions."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


_VIEWER = frozenset({Permission.VIEW_ANALYTICS})
_MEMBER = _VIEWER | {Permission.EXPORT_ANALYTICS, Permission.VIEW_ALERTS}
_ADMIN = _MEMBER | {Permission.MANAGE_REPORTS, Permission.MANAGE_ALERTS, Permission.MANAGE_KEYS}

GRANTED: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: _ADMIN,
    Role.MEMBER: _MEMBER,
    Role.VIEWER: _VIEWER,
}
