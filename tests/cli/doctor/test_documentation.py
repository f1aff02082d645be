"""What docs/doctor.md promises."""

import re
from pathlib import Path

from cli.doctor.test_running import AREAS
from runtally_cli.doctor.broker_checks import LONG_LAG
from runtally_cli.doctor.machine_checks import BROKER_WARNING, GIB
from runtally_cli.doctor.store_checks import LITTLE_DISK, NO_DISK
from runtally_clickhouse.store_checks import OLDEST, TESTED

TEXT = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text()


def test_every_area_is_described() -> None:
    assert set(re.findall(r"^\| (\w+) \|", TEXT, re.MULTILINE)) - {"area"} == AREAS | {"ports"}


def test_the_thresholds_are_those_of_the_code() -> None:
    assert f"{LONG_LAG:,}".replace(",", " ") in TEXT
    assert f"below {LITTLE_DISK // GIB} GiB; below {NO_DISK // GIB} GiB" in TEXT
    assert f"From {BROKER_WARNING // GIB} GiB" in TEXT
    assert ".".join(map(str, OLDEST)) in TEXT
    assert all(".".join(map(str, version)) in TEXT for version in TESTED)
