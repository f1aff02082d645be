"""The console script: says in one sentence what to install where only the emitter is."""

import sys


def run() -> None:
    """Run the command line. Exits with 1 and one sentence when the parts it composes are not installed."""
    try:
        from runtally_cli.main import app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("runtally"):
            raise
        sys.exit(
            f"runtally: the command needs more than the emitter ({error.name} is missing): "
            "pip install 'runtally[all]' for everything on one machine, or runtally[consumer], [api], [ui] for a part"
        )
    app()
