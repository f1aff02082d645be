"""Numbered, append-only `.sql` files, each applied once and remembered with its checksum.

The same files serve one node and a cluster: `${ON_CLUSTER}` and `${REPLICATED}` are filled in from the target.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from string import Template

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import SchemaError, StoreRefused
from runtally_clickhouse.location import DEFAULT_DATABASE, StoreLocation

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_UNKNOWN_TABLE = 60
_UNKNOWN_DATABASE = 81


@dataclass(frozen=True, slots=True)
class Target:
    """What the macros become. A `cluster` makes each table replicated, on every node of it."""

    cluster: str | None = None

    def render(self, sql: str) -> str:
        return Template(sql).substitute(
            ON_CLUSTER=f"ON CLUSTER `{self.cluster}`" if self.cluster else "",
            REPLICATED="Replicated" if self.cluster else "",
        )


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `checksum` is that of its text, macros unfilled, so one node and a cluster agree on it."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]

    def statements(self, target: Target) -> list[str]:
        without_comments = re.sub(r"^\s*--.*$", "", target.render(self.sql), flags=re.MULTILINE)
        return [text.strip() for text in re.split(r";\s*\n", without_comments + "\n") if text.strip()]


@dataclass(frozen=True, slots=True)
class Status:
    """A known migration and whether the store has it."""

    migration: Migration
    applied: bool


def known_migrations() -> list[Migration]:
    """The files of this version, in order. Raises `SchemaError` for a gap or a bad name."""
    folder = resources.files("runtally_clickhouse") / "migrations"
    found = sorted((entry.name, entry.read_text()) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    migrations = []
    for expected, (name, sql) in enumerate(found, start=1):
        match = _NAME.fullmatch(name)
        if match is None or int(match.group(1)) != expected:
            raise SchemaError(f"migration {name}: expected number {expected:04d} and a name of a-z, 0-9 and _")
        migrations.append(Migration(expected, name, sql))
    return migrations


def schema_status(store: Store, migrations: Sequence[Migration] | None = None) -> list[Status]:
    """Which migrations the store has. Raises `SchemaError` for a changed file or a store newer than this version."""
    known = known_migrations() if migrations is None else list(migrations)
    applied = _applied_checksums(store)
    newer = sorted(set(applied) - {migration.number for migration in known})
    if newer:
        raise SchemaError(
            f"the store has migration {newer[-1]:04d}, this version knows {len(known):04d} at most: upgrade runtally"
        )
    for migration in known:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise SchemaError(
                f"migration {migration.name} was applied with other contents: migrations are append-only, "
                "restore the file and add a new one"
            )
    return [Status(migration, migration.number in applied) for migration in known]


def create_database(location: StoreLocation, target: Target | None = None) -> None:
    """Make the location's database where it is missing; a connection to it is refused before."""
    if location.database == DEFAULT_DATABASE:
        return
    store = Store(replace(location, database=DEFAULT_DATABASE))
    try:
        on_cluster = (target or Target()).render("${ON_CLUSTER}")
        store.command(f"CREATE DATABASE IF NOT EXISTS `{location.database}` {on_cluster}")
    finally:
        store.close()


def migrate(store: Store, target: Target | None = None, *, dry_run: bool = False) -> list[Migration]:
    """Apply what is missing, in order, and return it; with `dry_run` only return it.

    Safe to repeat and to run twice at once: each statement says IF NOT EXISTS, and the log merges by number.
    """
    target = target or Target()
    pending = [status.migration for status in schema_status(store) if not status.applied]
    if dry_run or not pending:
        return pending
    store.command(
        target.render(
            "CREATE TABLE IF NOT EXISTS schema_migrations ${ON_CLUSTER} "
            "(number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')) "
            "ENGINE = ${REPLICATED}ReplacingMergeTree ORDER BY number"
        )
    )
    for migration in pending:
        for statement in migration.statements(target):
            store.command(statement)
        store.command(
            "INSERT INTO schema_migrations (number, name, checksum) "
            "VALUES ({number:UInt32}, {name:String}, {checksum:String})",
            {"number": migration.number, "name": migration.name, "checksum": migration.checksum},
        )
    return pending


def require_schema(store: Store) -> None:
    """Raise `SchemaError` unless every migration of this version is applied."""
    missing = [status.migration.name for status in schema_status(store) if not status.applied]
    if missing:
        raise SchemaError(f"the store lacks {', '.join(missing)}: run `runtally migrate`")


def describe_schema(store: Store) -> str:
    """The tables as the engine itself describes them; `schema.sql` beside this file holds it, to be reviewed."""
    rows = store.unmerged(query_text("table_statements"))
    return "".join(f"{row['statement']};\n\n" for row in rows).rstrip("\n") + "\n"


def _applied_checksums(store: Store) -> dict[int, str]:
    try:
        rows = store.query("SELECT number, checksum FROM schema_migrations", {})
    except StoreRefused as error:
        if error.code in (_UNKNOWN_TABLE, _UNKNOWN_DATABASE):
            return {}
        raise
    return {row["number"]: row["checksum"] for row in rows}
