"""The store judged: reachable, supported, its schema, its promise to count every write, its freshness, its disk."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from runtally_clickhouse.findings import Finding, error, ok, unknown, warning
from runtally_clickhouse.profiles import READ, WRITE
from runtally_clickhouse.store_checks import check_schema, check_settings_in_force, check_tables, check_version

from runtally_cli.doctor.unanswered import Unanswered

GIB: Final = 1024**3
LITTLE_DISK: Final = 5 * GIB
NO_DISK: Final = GIB
_DEPENDENT: Final = ("schema", "writes", "profile", "tables", "freshness")
_NO_DATABASE: Final = (81,)
_WHO_ARE_YOU: Final = (192, 193, 194, 516)

StoreFacts = Mapping[str, Any]


def check_store(facts: StoreFacts | Unanswered, where: str, *, named: bool, now: datetime) -> list[Finding]:
    """Everything that the store tells. `named`: the environment names a server."""
    if isinstance(facts, Unanswered):
        again = "mend the store, then `runtally doctor` again"
        return [
            error("store", f"{where}: {facts.why}" if where else facts.why, _way_in(facts, named=named)),
            *(unknown(area, "the store does not answer", again) for area in _DEPENDENT),
        ]
    return [
        check_version(str(facts["version"]), where),
        check_schema(facts["missing"], migrate="`runtally migrate`" if named else "`runtally up`"),
        *_check_writes(facts),
        *check_settings_in_force(facts["write_settings"], WRITE, "writing"),
        *check_settings_in_force(facts["read_settings"], READ, "reading"),
        *check_tables(facts["tables"], facts["missing"]),
        check_freshness(facts["data_as_of"], now),
        *(check_disks(facts["disks"]) if not facts["embedded"] else []),
    ]


def _way_in(refusal: Unanswered, *, named: bool) -> str:
    if refusal.code in _NO_DATABASE:
        return "`runtally migrate` makes it"
    if refusal.code in _WHO_ARE_YOU:
        return "put the user and the password into RUNTALLY_CLICKHOUSE_URL: http://user:password@host:8123/database"
    if named:
        return "start it, or set RUNTALLY_CLICKHOUSE_URL to how it is reached"
    if refusal.kind in ("", "HeldElsewhere", "StackInUse"):
        return "`runtally doctor` again in a minute; if it stays so, `runtally down` and `runtally up`"
    return "`runtally up`"


def _check_writes(facts: StoreFacts) -> Iterator[Finding]:
    if "writes" not in facts:
        return
    if "why" not in facts["writes"]:
        yield ok("writes", "two equal blocks count twice: deduplication is off")
    elif "equal blocks" in facts["writes"]["why"]:
        remedy = "set deduplicate_insert='disable' in the user's profile (deploy/clickhouse/users.xml)"
        yield error("writes", facts["writes"]["why"], remedy)
    else:
        message = f"whether equal blocks count twice is not known: {facts['writes']['why']}"
        yield unknown("writes", message, "name the writing user in RUNTALLY_CLICKHOUSE_URL")


def check_freshness(data_as_of: Mapping[str, Any], now: datetime) -> Finding:
    """An old answer is right where nothing was published since: the lag says which."""
    if "why" in data_as_of:
        return unknown("freshness", f"not known: {data_as_of['why']}", "mend the schema first")
    if data_as_of["value"] is None:
        return ok("freshness", "the store has not acknowledged a batch yet: it is empty")
    acknowledged = datetime.fromisoformat(data_as_of["value"])
    seconds = (now - acknowledged).total_seconds()
    if seconds < -60:
        message = f"the last batch was acknowledged {-seconds:,.0f} s in the future"
        return warning("freshness", message, "set the clocks of this machine and of the consumers by NTP")
    return ok("freshness", f"last batch acknowledged {_ago(max(0.0, seconds))} ago ({acknowledged:%Y-%m-%d %H:%M:%S}Z)")


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def check_disks(disks: Mapping[str, Any]) -> Iterator[Finding]:
    """Disks of a server; object storage tells no end."""
    if "why" in disks:
        yield unknown("disk", f"not known: {disks['why']}", "allow this user SELECT ON system.disks")
        return
    for disk in disks["value"]:
        if 0 < disk["total"] < 2**60:
            yield check_space(f"ClickHouse's disk {disk['name']}", disk["free"], disk["total"])


def check_space(name: str, free: int, total: int) -> Finding:
    """Room to write; merges need as much again as the parts that they merge."""
    room = f"{name}: {free / GIB:,.1f} GiB of {total / GIB:,.0f} GiB are free"
    remedy = "make room, or move it: RUNTALLY_DATA_DIR for the local store, a larger volume for a server"
    if free < NO_DISK:
        return error("disk", room, remedy)
    if free < LITTLE_DISK:
        return warning("disk", room, remedy)
    return ok("disk", room)
