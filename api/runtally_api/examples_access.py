"""Examples of the answers about who asks, for the OpenAPI document."""

from typing import Any

from runtally_api.examples import PROBLEMS

Example = dict[str, Any]
HOW_KNOWN: Example = {"is_open": False, "has_local_users": True, "listens_wider": True}
WHO_I_AM: Example = {
    "subject": "ann@example.com",
    "email": "ann@example.com",
    "permissions": ["view_analytics", "export_analytics", "view_alerts"],
    "workspaces": ["acme"],
}
CREDENTIALS: Example = {"email": "ann@example.com", "password": "correct horse battery staple"}
REFRESH_BODY: Example = {"refresh_token": "rtr_0f9c..."}
KEY_BODY: Example = {
    "name": "emitters of the planner",
    "permissions": ["ingest_runs"],
    "workspaces": ["acme"],
    "expires_in_days": 365,
}
TOKENS: Example = {
    "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "rtr_0f9c...",
}
KEY: Example = {
    "key_id": "x7k2m9q4w1ab",
    "prefix": "rtk_x7k2m9q4w1ab",
    "name": "emitters of the planner",
    "permissions": ["ingest_runs"],
    "workspaces": ["acme"],
    "created_by": "ann@example.com",
    "created_at": "2026-11-21T09:30:00.000Z",
    "expires_at": "2027-11-21T09:30:00.000Z",
    "last_used_at": None,
    "revoked_at": None,
}
CREATED_KEY: Example = {**KEY, "key": "rtk_x7k2m9q4w1ab_..."}
KEYS: Example = {"data": [KEY], "truncated": False}
AUDIT: Example = {
    "data": [
        {
            "entry_id": "0b8f4c6e5a5d4d0c8f3f7f9a1c2b3d4e",
            "recorded_at": "2026-11-21T09:30:00.000Z",
            "act": "key_create",
            "outcome": "done",
            "actor": "ann@example.com",
            "actor_email": "ann@example.com",
            "workspaces": ["acme"],
            "target": "rtk_x7k2m9q4w1ab",
            "source_address": "192.0.2.7",
            "request_id": "4b0f9c6e5a5d4d0c8f3f7f9a1c2b3d4e",
            "details": {"name": "emitters of the planner", "permissions": "ingest_runs"},
        }
    ],
    "next_cursor": None,
    "has_more": False,
}
NO_LOCAL_USERS: dict[int, Example] = {
    404: {**PROBLEMS[404], "detail": "nobody signs in here: an identity provider does it, or the API is open"}
}
NO_KEY: dict[int, Example] = {404: {**PROBLEMS[404], "detail": "no such API key"}}
