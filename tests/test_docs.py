"""docs/ and the code say the same: settings, metrics, endpoints and commands, each compared both ways."""

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client import CollectorRegistry
from pydantic_settings import BaseSettings
from runtally.connection import KafkaConnection
from runtally.settings import VARIABLES, EmitterSettings, default_spool_dir
from runtally_api.app import create_app
from runtally_api.settings import ApiSettings
from runtally_cli.main import app as commands
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.measures.definitions import MEASURES
from runtally_clickhouse.measures.dimensions import DIMENSIONS
from runtally_consumer.health import health_app
from typer.main import get_command

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
PACKAGES: Final = [
    ROOT / "producer/runtally",
    ROOT / "consumer/runtally_consumer",
    ROOT / "clickhouse/runtally_clickhouse",
    ROOT / "api/runtally_api",
    ROOT / "ui/runtally_ui",
    ROOT / "cli/runtally_cli",
]
# Heading in docs/settings.md -> the class or place whose settings it lists.
SETTINGS_SECTIONS: Final = {
    "ApiSettings": "API",
    "IdentitySettings": "Identity",
    "ConsumerSettings": "Consumer",
    "UiSettings": "Dashboard",
    "LocalSettings": "Local stack",
}
Row = tuple[str, ...]
MARKDOWN: Final = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_CODE: Final = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)


def _section(name: str, heading: str | None = None) -> str:
    text = (DOCS / name).read_text(encoding="utf-8")
    if heading is None:
        return text
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert heading in found, f"docs/{name} has no section '## {heading}'"
    return found[heading]


def _rows(text: str) -> list[Row]:
    """The rows of the tables in the text whose first cell is code."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [tuple(cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]


def _require_same(name: str, heading: str, wanted: Mapping[Row, str]) -> None:
    """Fail with the rows to add and to take out. `wanted`: all cells of a row but the last -> the last, the meaning."""
    place = f"docs/{name}, section {heading}"
    rows = _rows(_section(name, heading))
    written = [row[:-1] for row in rows]
    found = [f"{place} lacks: | {' | '.join((*row, wanted[row]))} |" for row in sorted(set(wanted) - set(written))]
    found += [f"{place} has a stale row: | {' | '.join(row)} |" for row in sorted(set(written) - set(wanted))]
    found += [f"{place}: {row[0]} has no meaning" for row in rows if not row[-1]]
    found += [f"{place} has twice: | {' | '.join(row)} |" for row in sorted(set(written)) if written.count(row) > 1]
    assert not found, "\n".join(["", *found])


def _shown(value: object) -> str:
    """A default as the tables write it."""
    if value is None or value == "":
        return "none"
    text = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{text.replace(str(Path.home()), '~')}`"


def _ours(stem: str) -> Iterator[Any]:
    """The modules of that name in all packages."""
    for package in PACKAGES:
        for path in sorted(package.rglob(f"{stem}.py")):
            yield importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))


def _service_settings() -> dict[str, type[BaseSettings]]:
    found: dict[str, type[BaseSettings]] = {}
    for module in _ours("settings"):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseSettings) and value.__module__ == module.__name__:
                found[value.__name__] = value
    return found


def test_every_settings_class_has_a_section() -> None:
    assert set(_service_settings()) == set(SETTINGS_SECTIONS), "name its section in SETTINGS_SECTIONS"


@pytest.mark.parametrize("name", SETTINGS_SECTIONS)
def test_settings_of_a_service(name: str) -> None:
    wanted: dict[Row, str] = {
        (f"`RUNTALLY_{field.upper()}`", _shown(entry.default)): entry.description or "..."
        for field, entry in _service_settings()[name].model_fields.items()
    }

    _require_same("settings.md", SETTINGS_SECTIONS[name], wanted)


def test_settings_of_the_kafka_connection() -> None:
    wanted: dict[Row, str] = {
        (f"`RUNTALLY_KAFKA_{entry.name.upper()}`", _shown(entry.default)): "..." for entry in fields(KafkaConnection)
    }

    _require_same("settings.md", "Kafka", wanted)


def test_settings_of_the_store() -> None:
    source = (ROOT / "clickhouse/runtally_clickhouse/location.py").read_text()
    names = set(re.findall(r"environment\.get\(\"(RUNTALLY_[A-Z_]+)\"", source))

    _require_same("settings.md", "Store", {(f"`{name}`", "none"): "..." for name in names})


def test_settings_of_the_emitter() -> None:
    defaults = EmitterSettings(spool_dir=default_spool_dir({}))
    wanted: dict[Row, str] = {
        (f"`{name}`", _shown(getattr(defaults, field))): "..." for name, (field, _) in VARIABLES.items()
    }

    _require_same("settings.md", "Emitter", wanted)


def test_no_variable_is_read_that_is_not_documented() -> None:
    documented = {row[0].strip("`") for row in _rows(_section("settings.md"))}
    found = []
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            used = set(re.findall(r"\bRUNTALLY_[A-Z0-9_]*[A-Z0-9]\b", path.read_text(encoding="utf-8")))
            found += [f"{path.relative_to(ROOT)}: docs/settings.md lacks {name}" for name in used - documented]

    assert not found, "\n".join(["", *found])


def _metrics_of(part: str) -> dict[Row, str]:
    wanted: dict[Row, str] = {}
    for module in _ours("metrics"):
        for value in vars(module).values():
            if not (isinstance(value, type) and value.__module__ == module.__name__) or part not in module.__name__:
                continue
            instance: Any = value()
            registry: CollectorRegistry = instance.registry
            labels = {
                metric._name: ", ".join(f"`{label}`" for label in metric._labelnames)
                for metric in vars(instance).values()
                if hasattr(metric, "_labelnames")
            }
            for family in registry.collect():
                name = f"{family.name}_total" if family.type == "counter" else family.name
                wanted[(f"`{name}`", family.type, labels[family.name] or "none")] = family.documentation
    return wanted


@pytest.mark.parametrize(("part", "heading"), [("runtally_api", "API"), ("runtally_consumer", "Consumer")])
def test_metrics(part: str, heading: str) -> None:
    _require_same("metrics.md", heading, _metrics_of(part))


def test_metrics_belong_to_a_service_that_has_a_section() -> None:
    assert {module.__name__ for module in _ours("metrics")} == {"runtally_api.metrics", "runtally_consumer.metrics"}


def test_endpoints_of_the_api() -> None:
    app = create_app(ApiSettings(), KafkaConnection(), Store(StoreLocation.server("http://127.0.0.1:1")))
    wanted: dict[Row, str] = {
        (f"`{method.upper()}`", f"`{path}`"): operation.get("description", "...").splitlines()[0]
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    }

    _require_same("endpoints.md", "API", wanted)


def test_endpoints_of_the_consumer() -> None:
    app = health_app(None, None)  # type: ignore[arg-type] # only its routes are looked at
    wanted: dict[Row, str] = {("`GET`", f"`{getattr(route, 'path', '')}`"): "..." for route in app.routes}

    _require_same("endpoints.md", "Consumer", wanted)


def test_measures() -> None:
    wanted: dict[Row, str] = {
        (f"`{measure.name}`", measure.unit, measure.kind): measure.meaning for measure in MEASURES.values()
    }

    _require_same("measures.md", "Measures", wanted)


def test_dimensions() -> None:
    wanted: dict[Row, str] = {
        (
            f"`{dimension.name}`",
            dimension.type,
            "yes" if dimension.in_cells else "no",
            "group, filter" if dimension.groups else "filter",
        ): dimension.meaning
        for dimension in DIMENSIONS.values()
    }

    _require_same("measures.md", "Dimensions", wanted)


def _leaves(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each command that does something, by its full name."""
    if hasattr(command, "commands"):
        for part, child in command.commands.items():
            yield from _leaves(child, f"{name} {part}".strip())
    else:
        yield name, command


COMMANDS: Final[dict[str, Any]] = dict(_leaves(get_command(commands)))


def _parameters(command: Any) -> Iterator[tuple[str, str, str]]:
    """Name, default and help of each argument and option."""
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            yield (parameter.name or "").upper(), _shown(parameter.default), "..."
        else:
            name = " / ".join([*parameter.opts, *parameter.secondary_opts])
            yield name, _shown(parameter.default), str(getattr(parameter, "help", None) or "...")


def test_commands() -> None:
    wanted: dict[Row, str] = {
        (f"`runtally {name}`",): (command.help or "...").splitlines()[0] for name, command in COMMANDS.items()
    }

    _require_same("commands.md", "Commands", wanted)


def test_options() -> None:
    wanted: dict[Row, str] = {
        (f"`{command}`", f"`{name}`", default): meaning
        for command, entry in COMMANDS.items()
        for name, default, meaning in _parameters(entry)
    }

    _require_same("commands.md", "Options", wanted)


def _code_lines(path: Path) -> Iterator[str]:
    for block, span in _CODE.findall(path.read_text(encoding="utf-8")):
        yield from (block or span).splitlines()


def _names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MARKDOWN, ids=_names)
def test_only_verbs_of_make_are_mentioned_that_exist(path: Path) -> None:
    verbs = re.findall(r"^([a-z][a-z%-]*):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    patterns = [re.compile(verb.replace("%", "[a-z-]+")) for verb in verbs]
    used = [verb for line in _code_lines(path) for verb in re.findall(r"(?:^|[\s;&])make ([a-z][\w-]*)", line)]

    assert not [verb for verb in used if not any(pattern.fullmatch(verb) for pattern in patterns)]


@pytest.mark.parametrize("path", MARKDOWN, ids=_names)
def test_only_commands_and_options_are_mentioned_that_exist(path: Path) -> None:
    groups = {name.split()[0] for name in COMMANDS}
    found = []
    for line in _code_lines(path):
        match = re.search(r"(?:^|[\s;&/])(?<!from )(?<!import )runtally ((?:[a-z][a-z-]* ?)+)", line)
        if match is None:
            continue
        words = match[1].split()
        name = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in COMMANDS), None)
        if name is None:
            found += [line] if words[0] not in groups else []
            continue
        known = {option for entry in COMMANDS[name].params for option in (*entry.opts, *entry.secondary_opts)}
        rest = re.split(r"[;&|#]", line[match.end(1) :])[0]
        found += [line for option in re.findall(r"--[a-z][a-z-]*", rest) if option not in known | {"--help"}]

    assert not found


def _anchors(path: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", MARKDOWN, ids=_names)
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in _anchors(there)):
            broken.append(target)

    assert not broken
