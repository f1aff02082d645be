"""`runtally erase` and `runtally retention`: first what goes, then its going, wherever the store is held."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from runtally_clickhouse.withdrawals import EVENT_TABLES, user_hash

from runtally_cli.access.person import this_person
from runtally_cli.local.admin import store_access
from runtally_cli.local.settings import LocalSettings

# One piece takes about 20 s, and as long as a month of a table.
OPERATION_SECONDS: Final = 600


class NothingNamed(ValueError):
    """The command does not say what should go. The message is ready to be shown to a person."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of an erasure; `job` is None when nothing was asked for in the end."""

    counts: Mapping[str, int]
    job: Mapping[str, Any] | None


def erase_subject(
    user: str | None, workspaces: Sequence[str], agree: Callable[[Mapping[str, int]], bool], tell: Callable[[str], None]
) -> Erased:
    """Count, ask, erase. Blocks until the job is over; broken off, a consumer goes on with it.

    Raises `NothingNamed`, and what `store_access` and its `run` raise.
    """
    if not user and not workspaces:
        raise NothingNamed("say whom or what to erase: --user, --workspace, or both for a user of one workspace")
    subject = {"workspaces": list(workspaces), "user_hash": user_hash(user) if user else ""}
    with store_access(LocalSettings(), OPERATION_SECONDS) as access:
        counts: dict[str, int] = access.run("erasure_counts", subject)
        if not agree(counts):
            return Erased(counts, None)
        job = access.run("erasure_request", {**subject, **this_person()})
        tell(f"erasure {job['id']}: nobody writes these any more; a consumer goes on with it if this command ends")
        while not job["is_over"]:
            job = access.run("erasure_step", {"id": job["id"]})
        return Erased(counts, job)


def drop_old_months(
    tables: Sequence[str],
    days: int,
    agree: Callable[[Mapping[str, Any]], bool],
) -> list[Mapping[str, Any]] | None:
    """Look what is older, ask, drop it; None when it was not agreed to. Raises as `erase_subject`."""
    if unknown := sorted(set(tables) - EVENT_TABLES.keys()):
        raise NothingNamed(f"no table of events: {', '.join(unknown)}; there are {', '.join(EVENT_TABLES)}")
    chosen = list(tables or EVENT_TABLES)
    with store_access(LocalSettings(), OPERATION_SECONDS) as access:
        plan = access.run("retention_plan", {"tables": chosen, "days": days})
        if not agree(plan):
            return None
        asked = {"tables": chosen, "before": plan["before"], **this_person()}
        dropped: list[Mapping[str, Any]] = access.run("retention_apply", asked)
        return dropped


def count_lines(counts: Mapping[str, int]) -> list[str]:
    """What would go, for a person."""
    there = {name: rows for name, rows in counts.items() if rows}
    if not there:
        return ["nothing is stored of it; what still arrives and began before now would be erased, too"]
    return [f"{rows} rows in {name}" for name, rows in there.items()]


def month_lines(plan: Mapping[str, Any]) -> list[str]:
    """The same of retention."""
    months = plan["months"]
    if not months:
        return [f"nothing is stored of before {plan['before'][:10]}"]
    lines = [f"{one['event_table']} {_month(one['month'])}: {one['rows']} rows, {one['bytes']} bytes" for one in months]
    rows, size = sum(one["rows"] for one in months), sum(one["bytes"] for one in months)
    return [*lines, f"all before {plan['before'][:10]}: {rows} rows, {size} bytes"]


def _month(number: int) -> str:
    return f"{number // 100}-{number % 100:02d}"
