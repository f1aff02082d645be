"""The wheel as a fleet installs it: bare, with nothing but the emitter's own dependencies."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The Makefile's own, in the environment, unless there is another.
UV = shutil.which("uv") or str(next(Path(sys.prefix).glob("uv-*/bin/uv"), "uv"))
TRY = """
import importlib.util, runtally
from runtally.schemas import FOLDER
assert len(list(FOLDER.glob("*.json"))) == 4
sent = runtally.MemoryTransport()
with runtally.RunEmitter(runtally.EmitterSettings(agent_id="planner"), transport=sent) as emitter, emitter.run():
    pass
assert len(sent.runs) == 2
assert importlib.util.find_spec("fastapi") is None
assert importlib.util.find_spec("typer") is None
"""


def uv(*arguments: object, cwd: Path) -> None:
    done = subprocess.run(
        [UV, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300, check=False, env=_clean()
    )
    assert done.returncode == 0, done.stderr


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of a fresh environment with the wheel in it."""
    if not (shutil.which("uv") or Path(UV).exists()):
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("bare")
    source = folder / "source"
    # A copy: other work goes on in the tree while this builds.
    parts = ["producer", "consumer", "clickhouse", "api", "ui", "cli"]
    for part in parts:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, source / file)
    build = [UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(folder)]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    uv("venv", "--python", sys.executable, folder / "venv", cwd=folder)
    uv("pip", "install", "--python", folder / "venv/bin/python", wheel, cwd=folder)
    return folder / "venv" / "bin"


def test_the_emitter_works_with_its_own_dependencies_only(bare: Path) -> None:
    done = subprocess.run(
        [bare / "python", "-W", "error", "-c", TRY],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=_clean(),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_says_what_to_install(bare: Path) -> None:
    if not (ROOT / "cli/runtally_cli/entry.py").exists():
        pytest.skip("there is no command yet")
    done = subprocess.run(
        [bare / "runtally"], capture_output=True, text=True, timeout=60, check=False, env=_clean(), cwd=bare
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    said = (done.stderr + done.stdout).strip()
    assert "pip install" in said
    assert len(said.splitlines()) == 1
