"""The `RUNTALLY_*` variables: each one read by something, each one possible, none against another."""

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError
from runtally.connection import InvalidConnection, KafkaConnection
from runtally.settings import VARIABLES, EmitterSettings, InvalidSettings
from runtally_api.identity.settings import IdentitySettings, InvalidIdentity
from runtally_api.settings import ApiSettings
from runtally_clickhouse.findings import Finding, error, ok, warning
from runtally_clickhouse.location import InvalidLocation, StoreLocation
from runtally_consumer.settings import ConsumerSettings
from runtally_ui.settings import UiSettings

from runtally_cli.local.settings import LocalSettings

AREA: Final = "settings"
PREFIX: Final = "RUNTALLY_"
# Read by the tests, not by a component.
_FOR_TESTS: Final = ("RUNTALLY_TEST_", "RUNTALLY_FUZZ_")
_COMPONENTS: Final[tuple[type[BaseSettings], ...]] = (
    LocalSettings,
    ApiSettings,
    IdentitySettings,
    ConsumerSettings,
    UiSettings,
)
_STORE_URLS: Final = ("RUNTALLY_CLICKHOUSE_URL", "RUNTALLY_CLICKHOUSE_READ_URL", "RUNTALLY_CLICKHOUSE_ACCESS_URL")
_PORTS: Final = ("kafka_port", "api_port", "ui_port", "consumer_port")


def known_variables() -> frozenset[str]:
    """Every variable that some component reads."""
    names = {f"{PREFIX}{name.upper()}" for component in _COMPONENTS for name in component.model_fields}
    names |= {f"{PREFIX}KAFKA_{field.name.upper()}" for field in fields(KafkaConnection)}
    return frozenset(names | set(VARIABLES) | set(_STORE_URLS))


def readable_settings() -> tuple[LocalSettings, list[Finding]]:
    """The local settings of this process's environment, with defaults where a value cannot be, and what cannot be."""
    findings = {finding.message: finding for component in _COMPONENTS for finding in _invalid(component)}
    try:
        return LocalSettings(), list(findings.values())
    except ValidationError as invalid:
        names = [str(item["loc"][0]) for item in invalid.errors()]
        defaults = {name: LocalSettings.model_fields[name].default for name in names}
        return LocalSettings(**defaults), list(findings.values())


def check_settings(
    environment: Mapping[str, str], settings: LocalSettings, invalid: Sequence[Finding] = ()
) -> list[Finding]:
    """Everything that can be told without asking anybody. Values are never shown: some are secrets."""
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    findings = [*invalid, *_unknown_variables(given), *_unusable(given), *_conflicts(given, settings)]
    if findings:
        return findings
    return [ok(AREA, f"{len(given)} {PREFIX}* variables set, each known" if given else "defaults")]


def _invalid(component: type[BaseSettings]) -> Iterator[Finding]:
    try:
        component()
    except ValidationError as invalid:
        for item in invalid.errors():
            name = PREFIX + "_".join(map(str, item["loc"])).upper()
            yield error(AREA, f"{name}: {item['msg']}", f"set {name} to a value that can be, or unset it")
    except SettingsError as invalid:
        yield error(AREA, str(invalid), "set it to valid JSON, or unset it")


def _unknown_variables(given: Mapping[str, str]) -> Iterator[Finding]:
    known = known_variables()
    for name in sorted(set(given) - known):
        if name.startswith(_FOR_TESTS):
            continue
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.75)
        meant = f", or rename it to {near[0]}" if near else ""
        yield warning(AREA, f"{name} is read by nothing", f"unset {name}{meant}")


def _unusable(given: Mapping[str, str]) -> Iterator[Finding]:
    def emitter() -> object:
        # Kafka's part is read once already, and told without its values.
        return EmitterSettings.from_environment({n: v for n, v in given.items() if n in VARIABLES})

    readers: tuple[Callable[[], object], ...] = (
        lambda: KafkaConnection.from_environment(given),
        emitter,
        lambda: StoreLocation.from_environment(given),
        lambda: StoreLocation.from_environment(given, reading=True),
        lambda: StoreLocation.from_environment(given, access=True),
    )
    told: set[str] = set()
    for read in readers:
        try:
            read()
        except (InvalidConnection, InvalidSettings, InvalidLocation) as invalid:
            if str(invalid) not in told:
                told.add(str(invalid))
                yield error(AREA, str(invalid), "set the variable as the sentence says, or unset it")


def _conflicts(given: Mapping[str, str], settings: LocalSettings) -> Iterator[Finding]:
    def has(name: str) -> bool:
        return bool(given.get(PREFIX + name))

    yield from _port_conflicts(settings)
    if has("KAFKA_BOOTSTRAP") and has("BROKER"):
        message = "RUNTALLY_BROKER has no effect: RUNTALLY_KAFKA_BOOTSTRAP names brokers that run elsewhere"
        yield warning(AREA, message, "unset RUNTALLY_BROKER, or RUNTALLY_KAFKA_BOOTSTRAP to have a broker here")
    yield from _identity_conflicts(given)
    for name in _STORE_URLS[1:]:
        if given.get(name) and not has("CLICKHOUSE_URL"):
            message = f"{name} without RUNTALLY_CLICKHOUSE_URL: nothing names where to write"
            yield warning(AREA, message, f"set RUNTALLY_CLICKHOUSE_URL too, or unset {name}")
    protocol = given.get("RUNTALLY_KAFKA_SECURITY_PROTOCOL") or "PLAINTEXT"
    if not protocol.startswith("SASL") and (has("KAFKA_SASL_USERNAME") or has("KAFKA_SASL_PASSWORD")):
        message = f"RUNTALLY_KAFKA_SASL_* has no effect: the security protocol is {protocol}"
        yield warning(AREA, message, "set RUNTALLY_KAFKA_SECURITY_PROTOCOL to SASL_SSL or SASL_PLAINTEXT")
    if has("KAFKA_CA_FILE"):
        yield from _authority_conflicts(Path(given["RUNTALLY_KAFKA_CA_FILE"]), protocol)


def _identity_conflicts(given: Mapping[str, str]) -> Iterator[Finding]:
    names = {name.lower().removeprefix(PREFIX.lower()): value for name, value in given.items() if value}
    try:
        identity = IdentitySettings.model_validate(
            {name: value for name, value in names.items() if name in IdentitySettings.model_fields}
        )
        identity.require_keys()
        identity.require_listening(given.get("RUNTALLY_HOST") or "127.0.0.1")
    except ValidationError:
        return  # told by the name of each field
    except InvalidIdentity as invalid:
        yield error(AREA, str(invalid), "set the variable as the sentence says, or unset it")
        return
    if idle := identity.idle_settings():
        yield warning(AREA, idle, "set RUNTALLY_AUTH=token, or unset what has no effect")


def _port_conflicts(settings: LocalSettings) -> Iterator[Finding]:
    taken: defaultdict[int, list[str]] = defaultdict(list)
    for name in _PORTS:
        if name != "kafka_port" or settings.kafka_bootstrap is None:
            taken[getattr(settings, name)].append(f"{PREFIX}{name.upper()}")
    for port, names in taken.items():
        if len(names) > 1:
            yield error(AREA, f"{' and '.join(names)} are all {port}", f"set {names[-1]} to another port")


def _authority_conflicts(file: Path, protocol: str) -> Iterator[Finding]:
    if not protocol.endswith("SSL"):
        message = f"RUNTALLY_KAFKA_CA_FILE has no effect: the security protocol is {protocol}"
        yield warning(AREA, message, "set RUNTALLY_KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL")
    elif not file.is_file():
        yield error(AREA, f"RUNTALLY_KAFKA_CA_FILE: there is no file {file}", "set it to the authority's PEM file")
