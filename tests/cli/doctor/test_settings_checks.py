"""Settings: each unknown, impossible or contradicting variable is named, with what to do, and without its value."""

import pytest
from cli.doctor.examples import bad, the_bad_one
from runtally_cli.doctor.settings_checks import check_settings, known_variables, readable_settings
from runtally_cli.local.settings import LocalSettings
from runtally_clickhouse.findings import Level

pytestmark = pytest.mark.usefixtures("no_variables")


def test_none_set_is_fine() -> None:
    assert bad(check_settings({"PATH": "/bin"}, LocalSettings())) == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("RUNTALLY_APIPORT", "RUNTALLY_API_PORT"),
        ("RUNTALLY_CLICKHOUSE_URI", "RUNTALLY_CLICKHOUSE_URL"),
        ("RUNTALLY_KAFKA_BOOTSTRAP_SERVERS", "RUNTALLY_KAFKA_BOOTSTRAP"),
        ("RUNTALLY_KAFKA_SASL_PASWORD", "RUNTALLY_KAFKA_SASL_PASSWORD"),
        ("RUNTALLY_WORKSPACE", "RUNTALLY_WORKSPACE_ID"),
    ],
)
def test_a_variable_that_nothing_reads_comes_with_the_nearest_name(given: str, meant: str) -> None:
    finding = the_bad_one(check_settings({given: "secret-value"}, LocalSettings()))

    assert (finding.level, finding.area) == (Level.WARNING, "settings")
    assert given in finding.message
    assert meant in finding.remedy
    assert "secret-value" not in finding.message + finding.remedy


def test_a_name_near_to_nothing_is_told_without_a_guess() -> None:
    finding = the_bad_one(check_settings({"RUNTALLY_XYZZY": "1"}, LocalSettings()))

    assert "rename" not in finding.remedy


def test_the_variables_of_the_tests_are_none_of_ours() -> None:
    assert bad(check_settings({"RUNTALLY_TEST_BACKENDS": "native"}, LocalSettings())) == []


@pytest.mark.parametrize(
    "name",
    [
        "RUNTALLY_DATA_DIR",
        "RUNTALLY_MAX_RANGE_DAYS",
        "RUNTALLY_BATCH_ROWS",
        "RUNTALLY_UI_TIMEOUT_SECONDS",
        "RUNTALLY_KAFKA_CA_FILE",
        "RUNTALLY_CLICKHOUSE_READ_URL",
        "RUNTALLY_CLICKHOUSE_ACCESS_URL",
        "RUNTALLY_AUTH",
        "RUNTALLY_AUTH_JWKS_URL",
        "RUNTALLY_EMITTER_SPOOL_DIR",
    ],
)
def test_every_component_counts_as_a_reader(name: str) -> None:
    assert name in known_variables()


def test_a_value_that_cannot_be_is_an_error_once_and_the_rest_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTALLY_API_PORT", "eighty")
    monkeypatch.setenv("RUNTALLY_UI_PORT", "9000")

    settings, invalid = readable_settings()

    assert (settings.api_port, settings.ui_port) == (8000, 9000)
    assert any("RUNTALLY_API_PORT" in finding.message for finding in invalid)
    assert {finding.level for finding in invalid} == {Level.ERROR}
    assert len({finding.message for finding in invalid}) == len(invalid)


@pytest.mark.parametrize(
    "environment",
    [
        {"RUNTALLY_KAFKA_SECURITY_PROTOCOL": "TLS"},
        {"RUNTALLY_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
        {"RUNTALLY_CLICKHOUSE_URL": "clickhouse:8123"},
        {"RUNTALLY_EMITTER_OVERFLOW": "explode"},
        {"RUNTALLY_AUTH": "token"},
        {"RUNTALLY_AUTH_SECRET": "short"},
        {"RUNTALLY_AUTH_JWKS_URL": "https://login.example.com/jwks"},
        {"RUNTALLY_AUTH_ISSUER": "https://login.example.com"},
        {"RUNTALLY_HOST": "0.0.0.0"},
        {"RUNTALLY_CLICKHOUSE_ACCESS_URL": "clickhouse:8123"},
        {"RUNTALLY_KAFKA_CA_FILE": "/nowhere/ca.pem", "RUNTALLY_KAFKA_SECURITY_PROTOCOL": "SSL"},
    ],
)
def test_what_no_component_could_start_with_is_an_error(environment: dict[str, str]) -> None:
    assert Level.ERROR in {finding.level for finding in check_settings(environment, LocalSettings())}


@pytest.mark.parametrize(
    ("environment", "remedy"),
    [
        ({"RUNTALLY_KAFKA_BOOTSTRAP": "kafka:9092", "RUNTALLY_BROKER": "kafka"}, "unset RUNTALLY_BROKER"),
        ({"RUNTALLY_CLICKHOUSE_READ_URL": "http://a:8123"}, "set RUNTALLY_CLICKHOUSE_URL"),
        ({"RUNTALLY_CLICKHOUSE_ACCESS_URL": "http://a:8123"}, "set RUNTALLY_CLICKHOUSE_URL"),
        ({"RUNTALLY_AUTH": "open", "RUNTALLY_AUTH_SECRET": "x" * 32}, "RUNTALLY_AUTH=token"),
        ({"RUNTALLY_KAFKA_SASL_USERNAME": "a"}, "RUNTALLY_KAFKA_SECURITY_PROTOCOL"),
        ({"RUNTALLY_KAFKA_CA_FILE": "/etc/ssl/ca.pem"}, "RUNTALLY_KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_a_variable_that_another_one_makes_useless_is_a_warning(environment: dict[str, str], remedy: str) -> None:
    finding = the_bad_one(check_settings(environment, LocalSettings()))

    assert finding.level is Level.WARNING
    assert remedy in finding.remedy


def test_two_services_cannot_have_one_port() -> None:
    settings = LocalSettings(api_port=8501)

    finding = the_bad_one(check_settings({}, settings))

    assert finding.level is Level.ERROR
    assert "RUNTALLY_API_PORT and RUNTALLY_UI_PORT" in finding.message


def test_the_port_of_a_broker_elsewhere_is_nobodys_concern() -> None:
    assert bad(check_settings({}, LocalSettings(kafka_port=8000, kafka_bootstrap="kafka:9092"))) == []


def test_the_store_url_that_cannot_be_is_named() -> None:
    environment = {"RUNTALLY_CLICKHOUSE_URL": "http://a:8123", "RUNTALLY_CLICKHOUSE_ACCESS_URL": "ftp://a"}
    finding = the_bad_one(check_settings(environment, LocalSettings()))

    assert finding.message.startswith("RUNTALLY_CLICKHOUSE_ACCESS_URL must look like http://")
