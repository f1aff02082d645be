"""The store judged over what it told: its version, its schema, the settings in force, its tables. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from runtally_clickhouse.findings import Finding, error, ok, unknown, warning
from runtally_clickhouse.migrations import known_migrations
from runtally_clickhouse.profiles import Settings
from runtally_clickhouse.table_shapes import compare_shapes, expected_shapes, statement_rows

OLDEST: Final = (25, 8)
TESTED: Final = ((26, 7), (26, 9))
# These change how much work a call is, not what is right.
_FOR_SPEED: Final = ("optimize_on_insert", "max_partitions_per_insert_block", "use_skip_indexes_if_final")
_NOT_THERE: Final = "restore it from a backup, or make a fresh database, `runtally migrate`, then `runtally replay`"

# What a question gave: {"value": ...}, or {"why": ...} where the store would not tell.
Fact = Mapping[str, Any]


def check_version(version: str, where: str) -> Finding:
    match = re.match(r"(\d+)\.(\d+)", version)
    numbers = (int(match[1]), int(match[2])) if match else (0, 0)
    oldest = ".".join(map(str, OLDEST))
    if numbers < OLDEST:
        message = f"{where}: version {version} is older than {oldest}, which the exactness rests on"
        return error("store", message, f"upgrade ClickHouse to {oldest} or later (docker-compose.yml names one)")
    tested = " and ".join(".".join(map(str, one)) for one in TESTED)
    note = "" if numbers in TESTED else f" (supported; tested with {tested})"
    return ok("store", f"{where}, version {version}{note}")


def check_schema(missing: Mapping[str, Any], migrate: str) -> Finding:
    if "why" in missing:
        return error("schema", missing["why"], f"{migrate} with this version of runtally")
    if missing["value"]:
        return error("schema", f"missing: {', '.join(missing['value'])}", migrate)
    return ok("schema", f"up to date ({len(known_migrations())} migrations)")


def check_tables(tables: Fact, missing: Fact) -> Iterator[Finding]:
    """Each table that the migrations make is as they make it; what a migration that is missing makes may lack."""
    if "why" in tables:
        yield unknown("tables", f"not known: {tables['why']}", "allow this user SELECT ON system.tables")
        return
    up_to_date = missing.get("value") == []
    actual = statement_rows(tables["value"])
    found: list[Finding] = []
    for name, expected in expected_shapes().items():
        if name in actual:
            found += compare_shapes(name, actual[name], expected, up_to_date=up_to_date)
        elif up_to_date:
            message = f"{name} is not there, though its migration is noted as applied"
            found.append(error("tables", message, _NOT_THERE))
    yield from found
    if not found and "why" not in missing:
        yield ok("tables", f"{len(actual)} with the engines, keys and columns that merging needs")


def check_settings_in_force(settings: Fact, pinned: Settings, client: str) -> Iterator[Finding]:
    """What is in force for a client is what it pins: a profile's constants win over a call."""
    if "why" in settings:
        message = f"the {client} client cannot have the settings that it needs: {settings['why']}"
        yield error("profile", message, _PROFILE)
        return
    actual = {row["name"]: str(row["value"]) for row in settings["value"]}
    wrong = [name for name, value in pinned.items() if actual.get(name, str(value)) != str(value)]
    for name in wrong:
        message = f"{name} is {actual[name]} for the {client} client, {pinned[name]} is needed"
        yield (warning if name in _FOR_SPEED else error)("profile", message, _PROFILE)
    if not wrong:
        yield ok("profile", f"what the {client} client pins is in force")


_PROFILE: Final = "let the user's profile and its constraints allow it (deploy/clickhouse/users.xml does)"
