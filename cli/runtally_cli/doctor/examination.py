"""`runtally doctor`: all probes at once, each with its deadline, then the checks."""

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from runtally.connection import KafkaConnection
from runtally_clickhouse.client import Store
from runtally_clickhouse.findings import Finding, error, ok, unknown, warning
from runtally_clickhouse.location import InvalidLocation, StoreLocation
from runtally_clickhouse.profiles import READ
from runtally_clickhouse.store_checks import check_schema, check_settings_in_force, check_version
from runtally_consumer.settings import ConsumerSettings

from runtally_cli.doctor.broker_checks import check_broker
from runtally_cli.doctor.broker_facts import BROKER_SECONDS, BrokerFacts, broker_facts
from runtally_cli.doctor.machine_checks import check_memory, check_ports, check_ready
from runtally_cli.doctor.machine_facts import (
    PS_SECONDS,
    READY_SECONDS,
    Process,
    ask_ready,
    disk_space,
    memory_of_machine,
    stack_processes,
)
from runtally_cli.doctor.probing import Probe
from runtally_cli.doctor.report import Report
from runtally_cli.doctor.settings_checks import check_settings, readable_settings
from runtally_cli.doctor.store_checks import check_space, check_store
from runtally_cli.doctor.store_facts import store_facts
from runtally_cli.doctor.unanswered import Unanswered
from runtally_cli.local import ports
from runtally_cli.local.admin import Announcement, read_announcement, store_access
from runtally_cli.local.settings import LocalSettings
from runtally_cli.local.stack import owner_of

SERVER_SECONDS: Final = 8
EMBEDDED_SECONDS: Final = 15  # opening the engine is a part of it


def examine(environment: Mapping[str, str] = os.environ) -> Report:
    """Look at everything; returns within the longest deadline, whatever does not answer."""
    logging.disable(logging.CRITICAL)  # the clients tell at length what is told here in a sentence
    try:
        given, invalid = readable_settings()
        owner = owner_of(given.data_dir)
        announcement = read_announcement(given.data_dir) if owner else None
        settings = _as_announced(given, announcement)
        return Report(
            _about(settings, owner, environment),
            [
                *check_settings(environment, given, invalid),
                *(check_announced(announcement, given, environment) if announcement else []),
                *_Examination(settings, owner, announcement, environment).findings(),
            ],
        )
    finally:
        logging.disable(logging.NOTSET)


class _Examination:
    """One look at everything that has to be asked. Making it starts the probes."""

    def __init__(
        self,
        settings: LocalSettings,
        owner: int | None,
        announcement: Announcement | None,
        environment: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._owner = owner
        self._environment = environment
        self._store_is_named = bool(environment.get("RUNTALLY_CLICKHOUSE_URL"))
        self._read_url = environment.get("RUNTALLY_CLICKHOUSE_READ_URL", "")
        local_bootstrap = settings.kafka_bootstrap or f"{ports.LOOPBACK}:{settings.kafka_port}"
        self._bootstrap = announcement.bootstrap if announcement else local_bootstrap
        self._broker = Probe(lambda: _ask_broker(self._bootstrap, environment), BROKER_SECONDS)
        store_seconds = SERVER_SECONDS if self._store_is_named else EMBEDDED_SECONDS
        self._store = Probe(lambda: _ask_store(settings, store_seconds), store_seconds)
        self._reads = Probe(_ask_reads, SERVER_SECONDS) if self._read_url else None
        self._services = [Probe(partial(ask_ready, *one), READY_SECONDS + 1) for one in _services(settings)]
        self._processes = Probe(lambda: stack_processes(owner), PS_SECONDS + 1) if owner else None
        self._ports = Probe(lambda: _busy_ports(settings), PS_SECONDS + 1)
        self._disk = Probe(lambda: disk_space(settings.data_dir), PS_SECONDS)

    def findings(self) -> list[Finding]:
        broker: BrokerFacts | Unanswered = self._broker.answer()
        return [
            *self._stack(),
            *check_broker(
                broker,
                self._bootstrap,
                named=self._settings.kafka_bootstrap is not None,
                outage_budget_hours=_outage_budget_hours(self._environment),
            ),
            *self._store_findings(),
            *self._service_findings(),
            *self._memory(),
            *self._disk_findings(),
        ]

    def _stack(self) -> list[Finding]:
        if self._owner:
            return [ok("stack", f"process {self._owner} runs on {self._settings.data_dir}")]
        if self._is_server_mode:
            return []
        findings = [warning("stack", f"nothing runs on {self._settings.data_dir}", "`runtally up`")]
        busy = self._ports.answer()
        if isinstance(busy, Unanswered):
            return [*findings, unknown("ports", f"not known: {busy.why}", "look at `ss -ltn`")]
        return [*findings, *check_ports(busy)]

    @property
    def _is_server_mode(self) -> bool:
        return self._store_is_named and self._settings.kafka_bootstrap is not None

    def _store_findings(self) -> list[Finding]:
        answer = self._store.answer()
        held_by, facts = answer if isinstance(answer, tuple) else (self._server(), answer)
        findings = check_store(facts, held_by, named=self._store_is_named, now=datetime.now(UTC))
        if self._reads is not None:
            findings += _check_reads(self._reads.answer())
        return findings

    def _server(self) -> str:
        """The server that the environment names, without its password."""
        try:
            location = StoreLocation.from_environment(self._environment)
        except InvalidLocation:
            return ""
        return f"ClickHouse at {location}" if location else ""

    def _service_findings(self) -> list[Finding]:
        answers = [probe.answer() for probe in self._services]
        told = [answer for answer in answers if not isinstance(answer, Unanswered)]
        silent = [answer.why for answer in answers if isinstance(answer, Unanswered)]
        again = "look into logs/ in the data folder"
        return [
            *check_ready(told, local=self._owner is not None),
            *(unknown("services", f"a service does not answer: {why}", again) for why in silent),
        ]

    def _memory(self) -> list[Finding]:
        if self._processes is None:
            return []
        processes: list[Process] | Unanswered = self._processes.answer()
        return check_memory(processes, memory_of_machine())

    def _disk_findings(self) -> list[Finding]:
        if self._store_is_named and not self._owner:
            return []
        space = self._disk.answer()
        if isinstance(space, Unanswered):
            return [unknown("disk", f"not known: {space.why}", "look at `df`")]
        return [check_space(str(self._settings.data_dir), *space)]


def check_announced(
    announcement: Announcement, settings: LocalSettings, environment: Mapping[str, str]
) -> list[Finding]:
    """Where this environment and the running stack differ: other commands would look elsewhere."""
    store = StoreLocation.embedded(settings.data_dir)
    try:
        store = StoreLocation.from_environment(environment) or store
    except InvalidLocation:  # told with the settings
        return []
    pairs = {
        "RUNTALLY_API_PORT": (settings.api_port, announcement.api_port),
        "RUNTALLY_UI_PORT": (settings.ui_port, announcement.ui_port),
        "RUNTALLY_CONSUMER_PORT": (settings.consumer_port, announcement.consumer_port),
        "RUNTALLY_KAFKA_BOOTSTRAP or RUNTALLY_KAFKA_PORT": (
            settings.kafka_bootstrap or f"{ports.LOOPBACK}:{settings.kafka_port}",
            announcement.bootstrap,
        ),
        "RUNTALLY_CLICKHOUSE_URL": (str(store), announcement.store),
    }
    return [
        warning(
            "settings", f"{name}: {here} in this shell, {there} in the running stack", f"set {name} as the stack has it"
        )
        for name, (here, there) in pairs.items()
        if here != there
    ]


def _as_announced(settings: LocalSettings, announcement: Announcement | None) -> LocalSettings:
    if announcement is None:
        return settings
    names = ("api_port", "ui_port", "consumer_port")
    return settings.model_copy(update={name: getattr(announcement, name) for name in names})


def _about(settings: LocalSettings, owner: int | None, environment: Mapping[str, str]) -> str:
    if owner or not (settings.kafka_bootstrap or environment.get("RUNTALLY_CLICKHOUSE_URL")):
        return f"runtally doctor: the local stack on {settings.data_dir}"
    return "runtally doctor: the servers that the environment names"


def _outage_budget_hours(environment: Mapping[str, str]) -> float:
    try:
        return float(environment["RUNTALLY_OUTAGE_BUDGET_HOURS"])
    except (KeyError, ValueError):  # one that cannot be is told with the settings
        return float(ConsumerSettings.model_fields["outage_budget_hours"].default)


def _ask_broker(bootstrap: str, environment: Mapping[str, str]) -> BrokerFacts:
    connection = replace(KafkaConnection.from_environment(environment), bootstrap=bootstrap)
    default = str(ConsumerSettings.model_fields["consumer_group"].default)
    return asyncio.run(broker_facts(connection, environment.get("RUNTALLY_CONSUMER_GROUP") or default))


def _ask_store(settings: LocalSettings, seconds: int) -> tuple[str, dict[str, Any]]:
    with store_access(settings, seconds) as access:
        return access.held_by, access.run("store_facts")


def _ask_reads() -> dict[str, Any]:
    location = StoreLocation.from_environment(reading=True)
    assert location is not None
    with closing(Store(location, SERVER_SECONDS)) as store:
        return {**store_facts(store, {"writes": False}), "where": f"reads: ClickHouse at {location}"}


def _check_reads(facts: dict[str, Any] | Unanswered) -> list[Finding]:
    if isinstance(facts, Unanswered):
        return [error("store", f"reads: {facts.why}", "set RUNTALLY_CLICKHOUSE_READ_URL to how it is reached")]
    return [
        check_version(facts["version"], facts["where"]),
        check_schema(
            facts["missing"], "grant the reading user SELECT, or let RUNTALLY_CLICKHOUSE_READ_URL name a replica"
        ),
        *check_settings_in_force(facts["read_settings"], READ, "answering"),
    ]


def _busy_ports(settings: LocalSettings) -> dict[str, int]:
    wanted = {"RUNTALLY_API_PORT": settings.api_port, "RUNTALLY_UI_PORT": settings.ui_port}
    wanted["RUNTALLY_CONSUMER_PORT"] = settings.consumer_port
    if settings.kafka_bootstrap is None:
        wanted["RUNTALLY_KAFKA_PORT"] = settings.kafka_port
    return {name: port for name, port in wanted.items() if not ports.is_free(port)}


def _services(settings: LocalSettings) -> list[tuple[str, int, str]]:
    return [
        ("API", settings.api_port, "/ready"),
        ("consumer", settings.consumer_port, "/ready"),
        ("dashboard", settings.ui_port, "/_stcore/health"),
    ]
