"""What the stub asks of its callers, as the API does."""

from collections.abc import Mapping, Sequence


def missing_right(path: str, query: Mapping[str, object], permissions: Sequence[str]) -> str:
    """The permission that the caller lacks for this; empty when they may."""
    wanted = ["view_analytics"] * (path != "/api/v1/auth/me") + ["export_analytics"] * ("with_values" in query)
    wanted += ["ingest_runs"] * path.endswith("/replay")
    return next((permission for permission in wanted if permission not in permissions), "")
