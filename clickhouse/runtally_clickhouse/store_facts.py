"""What the store tells about itself, for `store_checks` to judge."""

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreError, StoreUnavailable, StoreUnfit
from runtally_clickhouse.findings import Finding, Level
from runtally_clickhouse.migrations import schema_status
from runtally_clickhouse.profiles import READ, WRITE, Settings
from runtally_clickhouse.store_checks import check_schema, check_settings_in_force, check_tables, check_version

log = structlog.get_logger(__name__)


def soundness_facts(store: Store, *, writing: bool = True) -> dict[str, Any]:
    """Each fact as `{"value": ...}`, or `{"why": ...}` where the store would not tell; `version` as it is.

    Blocks. Raises `StoreError` when the store does not even tell its version, `StoreUnavailable` when it goes away.
    `writing` false leaves out the settings of writes.
    """
    facts: dict[str, Any] = {
        "version": str(store.unmerged("SELECT version() AS version")[0]["version"]),
        "missing": told(lambda: [one.migration.name for one in schema_status(store) if not one.applied]),
        "tables": told(lambda: store.unmerged(query_text("table_statements"))),
        "read_settings": told(lambda: _settings(store, READ, writing=False)),
    }
    if writing:
        facts["write_settings"] = told(lambda: _settings(store, WRITE, writing=True))
    return facts


def examine_store(store: Store) -> list[Finding]:
    """Whatever answers and writes rest on. Blocks; raises as `soundness_facts`."""
    facts = soundness_facts(store)
    return [
        check_version(facts["version"], str(store.location)),
        check_schema(facts["missing"], "`runtally migrate`"),
        *check_settings_in_force(facts["write_settings"], WRITE, "writing"),
        *check_settings_in_force(facts["read_settings"], READ, "reading"),
        *check_tables(facts["tables"], facts["missing"]),
    ]


def require_fit(store: Store) -> None:
    """Log what is worth a look, and raise `StoreUnfit` where writing would make answers wrong. Blocks."""
    findings = examine_store(store)
    for finding in findings:
        if finding.level in (Level.WARNING, Level.UNKNOWN):
            log.warning(finding.message, area=finding.area, remedy=finding.remedy)
    if reason := why_unfit(findings):
        raise StoreUnfit(reason)


def why_unfit(findings: Sequence[Finding]) -> str | None:
    """The errors among the findings, each with its remedy; None when there are none."""
    errors = [f"{one.message}; remedy: {one.remedy}" for one in findings if one.level is Level.ERROR]
    return " | ".join(errors) or None


def told(ask: Callable[[], Any]) -> dict[str, Any]:
    """A fact, or why there is none. Raises `StoreUnavailable`: the next question would only wait as long."""
    try:
        return {"value": ask()}
    except StoreUnavailable:
        raise
    except StoreError as error:
        return {"why": str(error).splitlines()[0][:300]}


def _settings(store: Store, pinned: Settings, *, writing: bool) -> list[dict[str, Any]]:
    return store.ask_as(query_text("effective_settings"), {"names": sorted(pinned)}, writing=writing)
