"""The examples of the OpenAPI document about erasures."""

from runtally_api.examples import PROBLEMS, Example

BODY: Example = {"workspace_id": "acme", "user_id": "ann@example.com"}
ERASURE: Example = {
    "id": "5bb1f3a4-9b70-4a53-8a0f-6f3a4a1d2c11",
    "state": "done",
    "workspaces": ["acme"],
    "whole_workspaces": False,
    "before": "2026-11-21T09:30:00.001Z",
    "requested_at": "2026-11-21T09:30:00Z",
    "requested_by": "user-1",
    "updated_at": "2026-11-21T09:30:04Z",
    "rows_before": {"agent_runs": 318, "agent_feedback": 4},
    "rows_after": {"agent_runs": 0, "agent_feedback": 0},
    "reason": "",
}
ERASURES: Example = {"data": [ERASURE], "has_more": False}
NO_WORKSPACE: Example = {**PROBLEMS[404], "detail": "no such workspace"}
NO_ERASURE: Example = {**PROBLEMS[404], "detail": "no such erasure"}
