"""The ClickHouse users and configuration: equal to the pinned profiles, and honoured by a real server."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final

import pytest
import yaml
from backends.deployed_clickhouse import USERS, StartClickHouse, opened_as_deployed
from runtally_api.identity.settings import InvalidIdentity
from runtally_api.identity.store_rights import StoreRights
from runtally_clickhouse.audit_log import Act, AuditEntry, Outcome, write_entry
from runtally_clickhouse.client import Store, check_writes_count_twice
from runtally_clickhouse.errors import StoreRefused
from runtally_clickhouse.local_users import StoredUser, find_users, put_user
from runtally_clickhouse.migrations import migrate, require_schema
from runtally_clickhouse.profiles import READ, WRITE, Settings
from runtally_clickhouse.row_bounds import ROW_FILTER

FOLDER: Final = Path(__file__).parents[2] / "deploy/clickhouse"
CONFIG: Final = (FOLDER / "config.xml").read_text()
_LOG: Final = "<{0}><database>system</database><table>{0}</table></{0}>"


def _profile(name: str) -> tuple[dict[str, str], set[str]]:
    """The values of a profile, and the names that are constants in it."""
    profile = ET.fromstring(USERS).find(f"profiles/{name}")
    assert profile is not None
    constraints = profile.find("constraints")
    assert constraints is not None
    values = {entry.tag: (entry.text or "").strip() for entry in profile if entry is not constraints}
    return values, {entry.tag for entry in constraints if entry.find("const") is not None}


@pytest.mark.parametrize(
    ("name", "pinned", "more"),
    [
        ("reading", READ, {"profile": "default", "readonly": "2", "max_execution_time": "60"}),
        ("writing", WRITE, {"profile": "default"}),
    ],
)
def test_the_profiles_have_the_pinned_settings_as_constants(name: str, pinned: Settings, more: dict[str, str]) -> None:
    values, constants = _profile(name)

    assert values == {key: str(value) for key, value in pinned.items()} | more
    assert constants == set(pinned)


def test_there_are_three_users_and_their_passwords_come_from_the_environment() -> None:
    users = ET.fromstring(USERS).find("users")
    assert users is not None

    assert {user.tag for user in users} == {"writer", "reader", "access"}
    compose = yaml.safe_load((FOLDER.parents[1] / "docker-compose.yml").read_text())
    for user in users:
        password = user.find("password")
        assert password is not None
        assert not password.text
        assert password.get("from_env") in compose["services"]["clickhouse"]["environment"]


def test_the_reader_has_a_row_filter_on_every_table_of_tenants() -> None:
    schema = resources.files("runtally_clickhouse").joinpath("schema.sql").read_text()
    statements = {name: body for name, body in re.findall(r"CREATE TABLE (\w+)(.*?);", schema, re.DOTALL)}
    with_tenants = {name for name, body in statements.items() if "`workspace_id`" in body}
    filtered = ET.fromstring(USERS).find("users/reader/databases/default")
    assert filtered is not None

    assert {table.tag: table.findtext("filter") for table in filtered} == dict.fromkeys(with_tenants, ROW_FILTER)
    assert ET.fromstring(USERS).find("users/writer/databases") is None


def test_the_server_stays_below_its_containers_memory() -> None:
    compose = yaml.safe_load((FOLDER.parents[1] / "docker-compose.yml").read_text())
    limit = compose["services"]["clickhouse"]["mem_limit"]
    server = int(ET.fromstring(CONFIG).findtext("max_server_memory_usage", "0"))

    assert limit.endswith("g")
    assert 0 < server <= int(limit[:-1]) * 1024**3 * 0.8


def test_every_system_log_is_off_or_forgets() -> None:
    for entry in ET.fromstring(CONFIG):
        if entry.tag.endswith("_log"):
            assert entry.get("remove") == "1" or "INTERVAL 3 DAY" in entry.findtext("ttl", ""), entry.tag


@pytest.fixture
def store_of(private_clickhouse: StartClickHouse, tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    """Opens the server as one of the deployment's users; the files are merged as the image merges them."""
    folder = tmp_path / "clickhouse-0" / "config.d"
    folder.mkdir(parents=True)
    (folder / "runtally.xml").write_text(CONFIG)
    logs = "".join(_LOG.format(name) for name in ("query_log", "metric_log", "part_log", "trace_log"))
    with opened_as_deployed(private_clickhouse, logs) as open_as:
        yield open_as


def test_a_real_server_holds_both_users_to_their_part(store_of: Callable[[str], Store]) -> None:
    writer, reader = store_of("writer"), store_of("reader")

    migrate(writer)
    check_writes_count_twice(writer)
    require_schema(reader)
    writer.command("CREATE TABLE versions (id UInt8) ENGINE = ReplacingMergeTree ORDER BY id")
    writer.command("SYSTEM STOP MERGES versions")
    for _ in range(2):
        writer.command("INSERT INTO versions VALUES (1)")

    assert writer.unmerged("SELECT count() AS n FROM versions") == [{"n": 2}]
    assert reader.query("SELECT count() AS n FROM versions", {}) == [{"n": 1}]
    # Merged even where the caller forgets to ask for it.
    assert reader.unmerged("SELECT count() AS n FROM versions") == [{"n": 1}]
    for name, value in READ.items():
        other = "break" if value == "throw" else 1 - int(value)
        with pytest.raises(StoreRefused, match=f"Setting {name} should not be changed"):
            reader.unmerged(f"SELECT 1 SETTINGS {name} = '{other}'")
    for name in WRITE:
        other = {"deduplicate_insert": "enable", "deduplicate_insert_select": "force_enable"}.get(name, "1")
        with pytest.raises(StoreRefused, match=f"Setting {name} should not be changed"):
            writer.command(f"INSERT INTO versions SETTINGS {name} = '{other}' VALUES (1)")
    for refused in (
        "INSERT INTO versions VALUES (2)",
        "ALTER TABLE versions DELETE WHERE true",
        "DROP TABLE versions",
        "CREATE TABLE more (id UInt8) ENGINE = Memory",
        "OPTIMIZE TABLE versions FINAL",
        "SET readonly = 0",
    ):
        with pytest.raises(StoreRefused, match=r"ACCESS_DENIED|READONLY"):
            reader.command(refused)
    for refused in ("SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", "SELECT * FROM file('x', 'CSV')"):
        with pytest.raises(StoreRefused, match="ACCESS_DENIED"):
            reader.unmerged(refused)


def test_a_real_server_keeps_who_may_ask_to_the_user_access(store_of: Callable[[str], Store]) -> None:
    writer, reader, access = store_of("writer"), store_of("reader"), store_of("access")
    migrate(writer)
    at = datetime(2026, 11, 21, tzinfo=UTC)

    put_user(access, StoredUser("ann@example.com", "hash", "owner", None), at)
    assert [user.email for user in find_users(access)] == ["ann@example.com"]
    write_entry(access, AuditEntry(act=Act.ERASE, outcome=Outcome.DONE, actor="ann", recorded_at=at))
    for store, told in (
        (writer, None),
        (access, None),
        (reader, "is not set, and the user of RUNTALLY_CLICKHOUSE_URL"),
    ):
        rights = StoreRights(store, has_own_url=False)
        assert not rights.is_told
        rights.look()
        assert (rights.reason() is None, told is None or told in str(rights.reason())) == (told is None, True)
    with pytest.raises(InvalidIdentity, match="table audit_log, so nobody could sign in: set it to the URL"):
        rights.require()
    for table in ("api_keys", "local_users", "refresh_tokens", "audit_log"):
        with pytest.raises(StoreRefused, match="ACCESS_DENIED"):
            reader.unmerged(f"SELECT * FROM {table}")
    for refused in (
        "ALTER TABLE audit_log DELETE WHERE true",
        "TRUNCATE TABLE audit_log",
        "DROP TABLE api_key_revocations",
        "SELECT count() FROM agent_runs",
        "INSERT INTO schema_migrations (number) VALUES (1)",
    ):
        with pytest.raises(StoreRefused, match="ACCESS_DENIED"):
            access.command(refused)


def test_a_real_server_takes_the_small_footprint(store_of: Callable[[str], Store]) -> None:
    writer = store_of("writer")
    wanted = {entry.tag: (entry.text or "").strip() for entry in ET.fromstring(CONFIG) if len(entry) == 0}
    wanted = {name: value for name, value in wanted.items() if value}
    changed = writer.unmerged("SELECT name, value FROM system.server_settings WHERE changed")

    assert wanted.items() <= {row["name"]: row["value"] for row in changed}.items()
    logs = writer.unmerged("SELECT name FROM system.tables WHERE database = 'system' AND name LIKE '%\\_log'")
    assert {row["name"] for row in logs} <= {"query_log"}
