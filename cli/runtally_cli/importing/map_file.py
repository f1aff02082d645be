"""Reading MAP.yaml: plain YAML whose scalars mean what they look like."""

import re
from pathlib import Path
from typing import Any

import yaml

from runtally_cli.importing.json_values import as_number


class InvalidMap(RuntimeError):
    """The map cannot be used. `problems` names each field and its remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ConstantText(str):
    """Text that is no expression: a time that stood in the map without quotes."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's scalars: `no` is a word, 012 is twelve, 12:30 is text; a number keeps its digits, a time its text.

    Keys are always text, as written: `true` and `1` are two keys.
    """


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", "-+.0123456789"),
    ("timestamp", r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?", "0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), [*_first.replace("\0", ""), ""]
    )


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    number = as_number(node.value)
    return int(number) if number is not None and "." not in node.value and "e" not in node.value.lower() else number


def _time(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> ConstantText:
    return ConstantText(node.value)


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise InvalidMap([f"line {line}: a key must be a plain word"])
        if key_node.value in entries:
            raise InvalidMap([f"line {line}: `{key_node.value}` stands twice"])
        entries[key_node.value] = loader.construct_object(value_node, deep=True)
    return entries


_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _time)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_map(path: Path) -> dict[str, Any]:
    """The map's entries. Raises `InvalidMap`, `OSError`."""
    return parse_map(path.read_bytes())


def parse_map(text: str | bytes) -> dict[str, Any]:
    """The map's entries. Raises `InvalidMap`."""
    try:
        entries = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise InvalidMap([f"not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(entries, dict):
        raise InvalidMap(["must hold `field: expression` lines, such as `run_id: id`"])
    return entries
