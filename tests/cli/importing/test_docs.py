"""docs/import.md names all that a map may hold, and its examples work."""

import re
from pathlib import Path

import pytest
from cli.importing.edges import MAPS
from runtally_cli.importing.command import Exit
from runtally_cli.importing.compiling import FIELD_ENTRIES, FILE_ENTRIES, FORMATS, compile_map
from runtally_cli.importing.functions import FUNCTIONS
from runtally_cli.importing.map_file import parse_map
from runtally_cli.importing.times import DURATION_UNITS, EPOCH_UNITS, ISO

TEXT = (Path(__file__).parents[3] / "docs" / "import.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*FIELD_ENTRIES, *FILE_ENTRIES, *FORMATS, ISO, *EPOCH_UNITS, *DURATION_UNITS}))
def test_entries_are_documented(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_are_documented(name: str) -> None:
    assert f"`{name}(" in TEXT


def test_exit_codes_are_documented() -> None:
    for code in Exit:
        assert f"| {code.value} | " in TEXT


def test_the_example_is_a_map() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert len(compile_map(parse_map(example)).fields) == 12


def test_every_map_beside_the_tests_says_what_it_is_for() -> None:
    assert all(path.read_text().startswith("# ") for path in MAPS.glob("*.yaml"))
