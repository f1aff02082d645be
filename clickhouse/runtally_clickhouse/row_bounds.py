"""The second bound on what a question may see: the server's row filters, told whose question it is by each question.

The first is in the text of every question (`merged_runs.sql` and its like). This one holds where that one is forgotten:
deploy/clickhouse/users.xml gives the reading user `ROW_FILTER` on each table with a `workspace_id`, and a question that
says nothing sees no row of them. It guards against a fault of ours, not against who has the reading user's password:
who writes statements of his own may set the setting, too.

Sound under FINAL: `workspace_id` is part of each table's key, so all versions of a row pass the filter, or none.
"""

import json
from typing import Final

# A string that the server takes with each question and leaves alone: it knows no settings of our own making.
SETTING: Final = "log_comment"
EVERY_WORKSPACE: Final = "*"
ROW_FILTER: Final = (
    f"workspace_id IN (JSONExtract(getSetting('{SETTING}'), 'Array(String)'))"
    f" OR getSetting('{SETTING}') = '{EVERY_WORKSPACE}'"
)


def written(workspaces: frozenset[str] | None) -> str:
    """What the filter reads: a JSON array of the workspaces, or the mark of all, which is no JSON."""
    return EVERY_WORKSPACE if workspaces is None else json.dumps(sorted(workspaces))
