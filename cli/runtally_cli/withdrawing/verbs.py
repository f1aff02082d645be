"""The commands `runtally erase` and `runtally retention`."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from runtally_cli.console import fail, plain_errors, say

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON document; asks nothing, so it needs --yes or --dry-run.")
]


def erase(
    user: Annotated[str | None, typer.Option("--user", help="What names this user_id.")] = None,
    workspace: Annotated[list[str] | None, typer.Option("--workspace", help="Only there; repeatable.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase a user, or whole workspaces, for good: says first what goes, and counts afterwards."""
    with plain_errors():
        from runtally_cli.withdrawing.command import NothingNamed, count_lines, erase_subject

        try:
            erased = erase_subject(
                user,
                workspace or [],
                lambda counts: _agreed(count_lines(counts), dry_run, yes, as_json),
                lambda line: typer.echo(line, err=True),
            )
        except NothingNamed as error:
            raise typer.BadParameter(str(error)) from error
    if as_json:
        say(json.dumps({"counts": erased.counts, "job": erased.job}, indent=2))
    elif erased.job is not None:
        say(f"erased: {sum(erased.job['counts_before'].values())} rows before, none after")
    if erased.job is not None and erased.job["state"] != "done":
        fail(f"erasure {erased.job['id']}: {erased.job['reason']}; a consumer tries again")


def retention(
    older_than_days: Annotated[
        int, typer.Option("--older-than-days", min=1, envvar="RUNTALLY_RETENTION_DAYS", help="Months older than this.")
    ],
    table: Annotated[
        list[str] | None, typer.Option("--table", help="Only this table of events; repeatable; all without.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Drop whole months that are older than an age, for good: says first what goes, and no replay brings it back."""
    with plain_errors():
        from runtally_cli.withdrawing.command import NothingNamed, drop_old_months, month_lines

        plans: list[Mapping[str, Any]] = []

        def agree(plan: Mapping[str, Any]) -> bool:
            plans.append(plan)
            return _agreed(month_lines(plan), dry_run, yes, as_json)

        try:
            dropped = drop_old_months(table or [], older_than_days, agree)
        except NothingNamed as error:
            raise typer.BadParameter(str(error)) from error
    if as_json:
        say(json.dumps({**plans[0], "dropped": dropped}, indent=2))
    elif dropped is not None:
        say(f"dropped {len(dropped)} months of {sum(one['rows'] for one in dropped)} rows, for good")


def _agreed(lines: Sequence[str], dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Say what goes, and ask where nobody has decided yet."""
    if not as_json:
        for line in lines:
            say(line)
    if dry_run or yes:
        return yes and not dry_run
    if as_json:
        fail("--json asks nothing: add --yes or --dry-run")
    return typer.confirm("This cannot be undone. Go on?")
