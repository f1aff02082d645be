"""What `import runtally` offers, and what it needs."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import runtally

PACKAGE = Path(runtally.__file__).parent
ALLOWED = {"runtally", "aiokafka", "cramjam", "pydantic", "pydantic_core", *sys.stdlib_module_names}


def test_the_export_list_is_sorted_complete_and_importable() -> None:
    assert runtally.__all__ == sorted(runtally.__all__)
    for name in runtally.__all__:
        assert getattr(runtally, name) is not None
    public = {name for name, value in vars(runtally).items() if not name.startswith("_") and not _is_module(value)}
    assert public == set(runtally.__all__)


def _is_module(value: object) -> bool:
    return isinstance(value, type(sys))


def test_every_module_imports_alone_and_says_what_it_is() -> None:
    for path in sorted(PACKAGE.glob("*.py")):
        module = import_module(f"runtally.{path.stem}") if path.stem != "__init__" else runtally
        assert module.__doc__, path.name


def test_it_needs_its_few_dependencies_and_nothing_of_ours() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            assert {name.split(".")[0] for name in names} <= ALLOWED, path.name


def test_it_is_typed_and_its_files_are_small() -> None:
    assert (PACKAGE / "py.typed").exists()
    assert {path.name for path in PACKAGE.glob("*.py") if len(path.read_text().splitlines()) > 400} == set()


def test_importing_does_nothing() -> None:
    script = "import threading, runtally; assert threading.active_count() == 1"
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=30)
