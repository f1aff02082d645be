"""The commands of `runtally rollup`."""

import json
from typing import Annotated

import typer

from runtally_cli.console import plain_errors, say

rollup = typer.Typer(
    no_args_is_help=True, help="The sums that make answers fast: how far they are, and making them anew."
)


@rollup.command("status")
def rollup_status(as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False) -> None:
    """Say how many buckets of 15 minutes are rolled up and up to date; the runs of the others are read."""
    with plain_errors():
        from runtally_cli.rollup.command import status, status_lines

        found = status()
    for line in [json.dumps(found, indent=2)] if as_json else status_lines(found):
        say(line)


@rollup.command("rebuild")
def rollup_rebuild(
    start: Annotated[str | None, typer.Option("--from", help="Date or instant (UTC without a zone).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The same, exclusive.")] = None,
) -> None:
    """Distrust the rollups of a range, or all, and make them anew; answers stay right meanwhile.

    After a change of the runs by SQL this is how the rollups learn of it: the range is that of the runs' starts.
    """
    with plain_errors():
        from runtally_cli.rollup.command import NoSuchRange, bucket_range, rebuild

        try:
            buckets = bucket_range(start, end)
        except NoSuchRange as error:
            raise typer.BadParameter(str(error)) from error
        rebuilt = rebuild(buckets, tell=lambda line: typer.echo(line, err=True))
    say(f"{rebuilt} buckets rolled up anew")
