"""Every name that the deployment sets is one that something reads."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

from pydantic_settings import BaseSettings
from runtally.connection import KafkaConnection
from runtally.settings import VARIABLES
from runtally_api.identity.settings import IdentitySettings
from runtally_api.settings import ApiSettings
from runtally_cli.local.settings import LocalSettings
from runtally_consumer.settings import ConsumerSettings
from runtally_ui.settings import UiSettings

ROOT: Final = Path(__file__).parents[2]
DEPLOYMENT: Final = [
    ROOT / "docker-compose.yml",
    ROOT / "Dockerfile",
    ROOT / ".dockerignore",
    *(path for path in sorted((ROOT / "deploy").rglob("*")) if path.is_file() and "__pycache__" not in path.parts),
]
SERVICES: Final[list[type[BaseSettings]]] = [ApiSettings, IdentitySettings, ConsumerSettings, UiSettings, LocalSettings]
_SECRET: Final = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN|gh[pousr]_\w{20}|sk-\w{20}|xox[abp]-|eyJ[\w-]{10,}\.[\w-]{10,}\.|(?i:(?:password|secret|token))\s*[:=]\s*[\"']?\w"
)


def known_names() -> set[str]:
    names = {f"RUNTALLY_{name.upper()}" for settings in SERVICES for name in settings.model_fields}
    names |= {f"RUNTALLY_KAFKA_{entry.name.upper()}" for entry in fields(KafkaConnection)}
    return (
        names
        | set(VARIABLES)
        | {"RUNTALLY_CLICKHOUSE_URL", "RUNTALLY_CLICKHOUSE_READ_URL", "RUNTALLY_CLICKHOUSE_ACCESS_URL"}
    )


def test_every_runtally_name_is_read_by_something() -> None:
    for path in DEPLOYMENT:
        used = set(re.findall(r"\bRUNTALLY_[A-Z0-9_]+", path.read_text()))
        assert used <= known_names(), f"{path.name}: {sorted(used - known_names())} is read by nothing"


def test_the_names_of_the_store_are_those_that_the_code_reads() -> None:
    source = (ROOT / "clickhouse/runtally_clickhouse/location.py").read_text()

    assert '"RUNTALLY_CLICKHOUSE_URL"' in source
    assert '"RUNTALLY_CLICKHOUSE_READ_URL"' in source
    assert '"RUNTALLY_CLICKHOUSE_ACCESS_URL"' in source


def test_no_secret_lies_in_the_deployment() -> None:
    for path in DEPLOYMENT:
        found = _SECRET.search(path.read_text())
        assert found is None, f"{path.name}: {found and found[0]}"
