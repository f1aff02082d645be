"""docker-compose.yml, as far as it can be checked without Docker: its form, and that it fits the code."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator
from runtally.connection import KafkaConnection
from runtally_api.app import create_app
from runtally_api.settings import ApiSettings
from runtally_cli.main import app as commands
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_consumer.settings import ConsumerSettings
from runtally_ui.settings import UiSettings
from typer.main import get_command

ROOT: Final = Path(__file__).parents[2]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OWN: Final = {name: service for name, service in SERVICES.items() if service["image"] == "runtally:local"}
CHECKED: Final = {name: service for name, service in SERVICES.items() if "healthcheck" in service}
_PUBLISHED: Final = re.compile(r"127\.0\.0\.1:\$\{[A-Z_]+:-(\d+)\}:(\d+)")
_INTERPOLATED: Final = re.compile(r"\$\{([A-Z_]+)(:-[^}]*)?\}")


def _seconds(duration: str) -> int:
    return sum(
        int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in re.findall(r"(\d+)([hms])", duration)
    )


def _resolved(value: str) -> str:
    return _INTERPOLATED.sub(lambda match: (match[2] or "").removeprefix(":-"), value)


def test_the_file_has_the_specifications_form() -> None:
    schema = json.loads((ROOT / "tests/deployment/compose.schema.json").read_text())
    found = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(COMPOSE)]

    assert not found


def test_every_variable_has_a_default_so_that_nothing_need_be_set() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    without = [match[0] for match in re.finditer(r"\$\{[^}]*\}", text) if ":-" not in match[0]]

    assert not without


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "ports" in service])
def test_ports_are_published_on_the_loopback_address_only_and_on_the_containers_own_number(name: str) -> None:
    for port in SERVICES[name]["ports"]:
        match = _PUBLISHED.fullmatch(port)
        assert match, f"{port}: write 127.0.0.1:${{NAME:-number}}:number"
        assert match[1] == match[2]


def test_services_wait_for_what_can_be_waited_for() -> None:
    for name, service in SERVICES.items():
        for other, entry in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} waits for {other}, which is not there"
            if entry["condition"] == "service_healthy":
                assert other in CHECKED, f"{name} waits for the health of {other}, which has no check"
            else:
                ends = SERVICES[other]["restart"] == "no" or SERVICES[other]["restart"].startswith("on-failure")
                assert ends, f"{name} waits for the end of {other}, which starts again"


def test_everything_that_stays_up_has_a_health_check() -> None:
    assert {name for name, service in SERVICES.items() if service["restart"] == "unless-stopped"} == set(CHECKED)


def test_the_default_profile_is_the_stack_and_the_fleet_is_extra() -> None:
    always = {name for name, service in SERVICES.items() if not service.get("profiles")}

    assert always == {"kafka", "clickhouse", "migrate", "consumer", "api", "ui"}
    assert SERVICES["generator"]["profiles"] == ["generator"]


@pytest.mark.parametrize("name", OWN)
def test_our_services_run_commands_and_options_that_exist(name: str) -> None:
    arguments = list(OWN[name]["command"])
    group: Any = get_command(commands)
    command = group.commands.get(arguments[0])

    assert command is not None, f"there is no `runtally {arguments[0]}`"
    command.make_context(arguments[0], arguments[1:])


@pytest.mark.parametrize("name", OWN)
def test_our_services_have_no_more_rights_than_they_need(name: str) -> None:
    service = OWN[name]

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"], "Python as process 1 would ignore SIGTERM"


def _known_paths() -> dict[str, set[str]]:
    """Port -> the paths that the code serves there."""
    from runtally_consumer.health import health_app
    from streamlit.web.server.starlette.starlette_routes import create_health_routes

    settings = ApiSettings()
    api = create_app(settings, KafkaConnection(), Store(StoreLocation.server("http://127.0.0.1:1")))
    # Only the routes are looked at.
    consumer = health_app(None, None)  # type: ignore[arg-type] # as above
    dashboard = create_health_routes(None, "")  # type: ignore[arg-type] # as above
    return {
        str(settings.api_port): set(api.openapi()["paths"]),
        str(ConsumerSettings().consumer_port): {str(getattr(route, "path", "")) for route in consumer.routes},
        str(UiSettings().ui_port): {str(getattr(route, "path", "")) for route in dashboard},
    }


@pytest.mark.parametrize("name", [name for name in CHECKED if name in OWN])
def test_health_checks_ask_paths_that_exist_at_ports_that_are_published(name: str) -> None:
    *command, url = CHECKED[name]["healthcheck"]["test"]
    match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/\S+)", url)

    assert command == ["CMD", "python", "-I", "-S", "/opt/runtally/healthcheck.py"]
    assert match
    assert match[2] in _known_paths()[match[1]]
    assert any(port.endswith(f":{match[1]}") for port in CHECKED[name]["ports"])


def test_leaving_has_time_to_drain() -> None:
    service = SERVICES["consumer"]
    drain = float(service["environment"]["RUNTALLY_DRAIN_SECONDS"])

    assert _seconds(service["stop_grace_period"]) >= drain + 20
    assert _seconds(SERVICES["api"]["stop_grace_period"]) > ApiSettings().publish_seconds


def test_addresses_and_users_are_those_of_the_services() -> None:
    for name, service in OWN.items():
        environment = {key: _resolved(value) for key, value in service.get("environment", {}).items()}
        if bootstrap := environment.get("RUNTALLY_KAFKA_BOOTSTRAP"):
            advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
            assert f"SERVICES://{bootstrap}" in advertised, name
        if url := environment.get("RUNTALLY_CLICKHOUSE_URL"):
            options = StoreLocation.server(url).connect_options()
            assert (options["host"], options["port"], options["database"]) == ("clickhouse", 8123, "default")
            # The API only asks; the schema and the runs are written by others.
            assert options["username"] == ("reader" if name == "api" else "writer")
            password = SERVICES["clickhouse"]["environment"][f"CLICKHOUSE_{str(options['username']).upper()}_PASSWORD"]
            assert options["password"] == _resolved(password)
        if api := environment.get("RUNTALLY_API_URL"):
            assert api == "http://api:8000"


def test_mounted_files_exist_and_named_volumes_are_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).is_file(), source
                assert volume.endswith(":ro"), volume
            else:
                assert source in COMPOSE["volumes"], source


def test_the_images_are_the_releases_that_the_tests_run_against() -> None:
    from backends.clickhouse_library import CLICKHOUSE_VERSION
    from runtally_cli.local.kafka_distribution import KAFKA_VERSION

    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert SERVICES["clickhouse"]["image"] == f"clickhouse/clickhouse-server:{CLICKHOUSE_VERSION}"
