"""The tests bite: each mutant, in a copy of the tree, is killed by the test that is named beside it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.facts import FOLDER, Facts
from mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COMPONENTS = ("producer", "consumer", "clickhouse", "api")
ALL_PASSED = 0
SOME_TESTS_FAILED = 1


def test_the_killers_pass_without_a_mutant(tmp_path: Path) -> None:
    """So that it is the mutant that they fail on."""
    _copy_tree(tmp_path)
    told = _run(sorted({mutant.killer for mutant in MUTANTS}), tmp_path)
    assert told.returncode == ALL_PASSED, told.stdout[-3000:]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mutant_is_killed(mutant: Mutant, tmp_path: Path, killed: Path) -> None:
    _copy_tree(tmp_path)
    changed = tmp_path / mutant.path
    text = changed.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.name}: {mutant.path} has changed; write the mutant anew"
    changed.write_text(text.replace(mutant.old, mutant.new))
    told = _run([mutant.killer], tmp_path)
    assert told.returncode == SOME_TESTS_FAILED, f"{mutant.name} survived {mutant.killer}:\n{told.stdout[-2000:]}"
    (killed / mutant.name.replace(" ", "-")).touch()


@pytest.fixture(scope="session")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a file for each mutant that was killed, of all workers of the run; counted when one ends."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "killed-mutants"
    folder.mkdir(exist_ok=True)
    yield folder
    facts = Facts("mutants")
    facts.count("mutants", len(MUTANTS))
    facts.count("killed", len(list(folder.iterdir())))
    facts.write(FOLDER)


def _copy_tree(target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in (*COMPONENTS, "tests"):
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", target)


def _run(tests: list[str], tree: Path) -> "subprocess.CompletedProcess[str]":
    """The tests, by themselves, against the code of that tree."""
    path = os.pathsep.join(str(tree / name) for name in COMPONENTS)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(tree)]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "RUNTALLY_"))}
    environment = {**inherited, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "RUNTALLY_TEST_BACKENDS": "auto"}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
