"""The rules of the layout, read off the syntax trees: who may import whom, and what may not be there."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = {
    "runtally": "producer",
    "runtally_consumer": "consumer",
    "runtally_clickhouse": "clickhouse",
    "runtally_api": "api",
    "runtally_ui": "ui",
    "runtally_cli": "cli",
}
# Package -> what of ours it may import besides itself.
ALLOWED: Final[dict[str, set[str]]] = {
    "runtally": set(),
    "runtally_clickhouse": set(),
    "runtally_consumer": {"runtally", "runtally_clickhouse"},
    "runtally_api": {"runtally", "runtally_clickhouse"},
    "runtally_ui": set(),
    "runtally_cli": set(PACKAGES),
}
LONGEST_FILE: Final = 400
# Drawers, and in the dashboard also names that would hide another module: Streamlit puts its folder first on the path.
FORBIDDEN_NAMES: Final = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "base", "misc"}
FORBIDDEN_IN_UI: Final = {"types", "logging", "calendar", "queue", "select", "pages"}
OTHER_CHART_LIBRARIES: Final = {"matplotlib", "plotly", "bokeh", "seaborn", "pydeck", "graphviz", "holoviews", "pygal"}
STREAMLITS_OWN_CHARTS: Final = {
    "line_chart",
    "area_chart",
    "bar_chart",
    "scatter_chart",
    "map",
    "pyplot",
    "plotly_chart",
    "bokeh_chart",
    "pydeck_chart",
    "graphviz_chart",
}
# Called while a module is imported, these would read the environment, connect, or start something.
EFFECTS: Final = {
    "get_client",
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "AIOKafkaAdminClient",
    "KafkaProducer",
    "Store",
    "Emitter",
    "KafkaConnection",
    "StoreLocation",
    "FastAPI",
    "create_app",
    "Client",
    "AsyncClient",
    "HTTPConnection",
    "Thread",
    "ThreadPoolExecutor",
    "ProcessPoolExecutor",
    "Popen",
    "run",
    "urlopen",
    "connect",
    "socket",
    "basicConfig",
    "configure",
    "configure_logs",
    "from_environment",
    "getenv",
    "now",
    "utcnow",
    "time",
    "sleep",
}
SQL: Final = re.compile(r"\b(SELECT\s+[\w(*]|INSERT\s+INTO\s|ALTER\s+TABLE\s|CREATE\s+TABLE\s|DROP\s+TABLE\s)")


@dataclass(frozen=True)
class Module:
    """One Python file of ours and its tree."""

    path: Path
    tree: ast.Module
    lines: int

    def at(self, node: ast.AST) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def _modules(folder: Path) -> Iterator[Module]:
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield Module(path, ast.parse(text), text.count("\n"))


CODE: Final = {package: list(_modules(ROOT / folder / package)) for package, folder in PACKAGES.items()}
TESTS: Final = list(_modules(ROOT / "tests"))


def _imports(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every import at any depth, as a top-level name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.at(node)}: import by the full name"
            yield node, (node.module or "").split(".")[0]


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _run_on_import(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls that happen when the module is imported: not those in functions, not those under `if __name__`."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif isinstance(node, ast.Lambda) or (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)):
            continue
        else:
            if isinstance(node, ast.Call):
                yield node
            pending += ast.iter_child_nodes(node)


def test_the_components_are_those_of_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert set(wheel) == {f"{folder}/{package}" for package, folder in PACKAGES.items()}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_component_imports_only_what_it_may(package: str) -> None:
    allowed = ALLOWED[package] | {package}
    found = [
        f"{module.at(node)} imports {name}"
        for module in CODE[package]
        for node, name in _imports(module)
        if name in PACKAGES and name not in allowed
    ]

    assert not found


def test_what_a_fleet_installs_needs_its_few_dependencies_only() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = {re.split(r"[<>=\[ ]", line)[0].replace("-", "_") for line in project["dependencies"]}
    allowed |= {"runtally", "pydantic_core"}  # the latter is a part of pydantic, pinned by it
    found = [
        f"{module.at(node)} imports {name}"
        for module in CODE["runtally"]
        for node, name in _imports(module)
        if name not in allowed and name not in sys.stdlib_module_names
    ]

    assert not found


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_module_does_nothing(package: str) -> None:
    found = [
        f"{module.at(call)} calls {_called(call)} when it is imported"
        for module in CODE[package]
        # Streamlit runs its entry script as the main module: that one is the composition root.
        if module.path != ROOT / "ui/runtally_ui/app.py"
        for call in _run_on_import(module.tree)
        if _called(call) in EFFECTS or _called(call).endswith(("Settings", "Client", "Server"))
    ]

    assert not found


@pytest.mark.parametrize("package", PACKAGES)
def test_names_say_what_is_inside(package: str) -> None:
    folder = ROOT / PACKAGES[package] / package
    forbidden = FORBIDDEN_NAMES | (FORBIDDEN_IN_UI if package == "runtally_ui" else set())
    found = [
        str(path.relative_to(ROOT))
        for path in folder.rglob("*")
        if path.stem.strip("_") in forbidden and (path.is_dir() or path.suffix == ".py")
    ]

    assert not found


@pytest.mark.parametrize("package", ["runtally", "runtally_consumer", "runtally_api", "runtally_ui"])
def test_sql_lies_in_clickhouse_only(package: str) -> None:
    found = [
        f"{module.at(node)}: {node.value.strip()[:60]!r}"
        for module in CODE[package]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)
    ]

    assert not found


def test_the_dashboard_draws_with_altair_only() -> None:
    imported = [
        f"{module.at(node)} imports {name}"
        for module in CODE["runtally_ui"]
        for node, name in _imports(module)
        if name in OTHER_CHART_LIBRARIES
    ]
    called = [
        f"{module.at(node)} calls {_called(node)}"
        for module in CODE["runtally_ui"]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "st"
        and node.func.attr in STREAMLITS_OWN_CHARTS
    ]

    assert not imported + called


def test_no_file_is_longer_than_can_be_read() -> None:
    modules = [*TESTS, *(module for package in CODE.values() for module in package)]
    found = [
        f"{module.path.relative_to(ROOT)} has {module.lines} lines" for module in modules if module.lines > LONGEST_FILE
    ]

    assert not found


def test_tests_wait_for_conditions_not_for_time() -> None:
    found = []
    for module in TESTS:
        if module.path.is_relative_to(ROOT / "tests/benchmarks"):
            continue  # these measure time
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "asyncio.sleep", "sleep")):
                continue
            length = node.args[0] if node.args else None
            if isinstance(length, ast.Constant) and isinstance(length.value, int | float) and length.value >= 1:
                found.append(f"{module.at(node)} sleeps for {length.value} s")

    assert not found


def test_tests_are_no_packages() -> None:
    assert not [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("__init__.py")]


def test_no_check_is_switched_off_without_saying_which_and_why() -> None:
    pattern = re.compile(r"#\s*(type: ignore|noqa)(?P<code>\[[\w, -]+\]|: *[A-Z]+\d+(?:, *[A-Z]+\d+)*)?(?P<reason>.*)")
    found = []
    for module in [*TESTS, *(module for package in CODE.values() for module in package)]:
        if module.path == Path(__file__):
            continue
        for number, line in enumerate(module.path.read_text().splitlines(), start=1):
            match = pattern.search(line)
            if match and not match["code"]:
                found.append(f"{module.path.relative_to(ROOT)}:{number}: {line.strip()}")

    assert not found
