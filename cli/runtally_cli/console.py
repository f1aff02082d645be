"""What every command says to a person: lines, and one clear sentence instead of a stack where it fails."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer


def say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()


@contextmanager
def plain_errors() -> Iterator[None]:
    """End with one clear sentence instead of a stack where the reason is known."""
    from aiokafka.errors import KafkaError
    from pydantic import ValidationError
    from runtally.connection import InvalidConnection
    from runtally_clickhouse.errors import StoreError
    from runtally_clickhouse.location import InvalidLocation

    try:
        yield
    except typer.Exit:  # a RuntimeError, but a command's own answer
        raise
    except ValidationError as error:
        lines = [
            f"RUNTALLY_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}, got {item['input']!r}"
            for item in error.errors()
        ]
        fail("; ".join(lines))
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'runtally[all]' brings what every command needs")
    except KafkaError as error:
        fail(f"Kafka: {type(error).__name__}: {error}")
    except (StoreError, InvalidConnection, InvalidLocation, RuntimeError, OSError) as error:
        fail(str(error))


def fail(sentence: str) -> NoReturn:
    typer.echo(f"runtally: {sentence}", err=True)
    raise typer.Exit(1)
