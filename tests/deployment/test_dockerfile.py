"""The Dockerfile: what it copies exists and reaches the builder, what it runs is pinned, and nobody is root."""

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
_UV: Final = re.compile(r"\buv==([\d.]+)")


@dataclass(frozen=True)
class Instruction:
    """One line of a Dockerfile, continuations joined; `stage` counts from 0."""

    stage: int
    word: str
    rest: str


def _instructions() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found, stage = [], -1
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            stage += word == "FROM"
            found.append(Instruction(stage, word, rest.strip()))
    return found


INSTRUCTIONS: Final = _instructions()
LAST: Final = INSTRUCTIONS[-1].stage


def _last(word: str) -> str:
    return [entry.rest for entry in INSTRUCTIONS if entry.word == word and entry.stage == LAST][-1]


def _copied() -> list[str]:
    """Sources of COPY that come from the working copy."""
    found: list[str] = []
    for entry in INSTRUCTIONS:
        if entry.word == "COPY" and not entry.rest.startswith("--from="):
            found.extend(entry.rest.split()[:-1])
    return found


def test_it_begins_with_the_python_that_the_tests_run_on() -> None:
    images = {entry.rest.split()[0] for entry in INSTRUCTIONS if entry.word == "FROM"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert images == {f"python:{project['requires-python'].removeprefix('>=')}-slim"}


def test_what_it_copies_exists_and_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "the builder gets nothing but what is named"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}

    for source in _copied():
        assert (ROOT / source).exists(), source
    assert allowed == set(_copied())


def test_it_copies_every_component_of_the_wheel_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    components = {path.split("/")[0] for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}

    assert {source for source in _copied() if (ROOT / source).is_dir()} == components


def test_every_wheel_is_checked_against_the_lock_and_by_the_same_uv() -> None:
    installs = [entry.rest for entry in INSTRUCTIONS if entry.word == "RUN" and "uv pip install" in entry.rest]
    dependencies, project = installs

    assert "--require-hashes --constraint requirements.lock --requirement pyproject.toml" in dependencies
    assert "--no-deps --build-constraints requirements.lock ." in project
    makefile = re.search(r"UV_VERSION := ([\d.]+)", (ROOT / "Makefile").read_text())
    assert makefile
    assert _UV.findall((ROOT / "Dockerfile").read_text()) == [makefile[1]]


def test_it_runs_as_somebody_without_rights_and_says_so_by_number() -> None:
    user = _last("USER")

    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), "a number, so that runAsNonRoot can be checked"
    assert any("useradd" in entry.rest and f"--uid {user.split(':')[0]}" in entry.rest for entry in INSTRUCTIONS)
    assert not [entry for entry in INSTRUCTIONS if entry.word == "ADD"]
    assert "sudo" not in (ROOT / "Dockerfile").read_text()


def test_it_starts_the_console_script_and_opens_the_ports_of_the_services() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (entry,) = json.loads(_last("ENTRYPOINT"))

    assert entry in project["scripts"]
    assert _last("EXPOSE").split() == ["8000", "8501", "9464"]


def _extra(name: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {re.split(r"[<>=\[]", line)[0] for line in project["optional-dependencies"][name]}


@pytest.mark.parametrize("command", ["consume", "api", "migrate"])
def test_services_start_without_what_only_the_local_stack_needs(command: str) -> None:
    installed = next(entry.rest for entry in INSTRUCTIONS if "--require-hashes" in entry.rest)
    extras = re.findall(r"--extra (\w+)", installed)
    assert set(extras) == {"api", "consumer", "ui"}
    missing = sorted(_extra("local").difference(*map(_extra, extras)) - {"runtally", "rich"})  # rich comes with typer
    modules = [{"pyyaml": "yaml"}.get(name, name.replace("-", "_")) for name in missing]
    without = f"import sys; sys.modules.update(dict.fromkeys({modules!r}))"
    code = f"{without}; from runtally_cli.entry import run; run()"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUNTALLY_")}
    # With no store named, the sentence that asks for one is as far as a service gets.
    done = subprocess.run(
        [sys.executable, "-c", code, command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert "set RUNTALLY_CLICKHOUSE_URL" in done.stderr, done.stderr
    assert done.returncode == 1


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 503)
        self.end_headers()
        self.wfile.write(b"waiting for partitions")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def _health(url: str) -> tuple[int, str]:
    script = ROOT / "deploy/healthcheck.py"
    # As in docker-compose.yml: without the site, so it may use the standard library alone.
    command = [sys.executable, "-I", "-S", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout


def test_the_health_check_tells_200_from_everything_else(address: str) -> None:
    assert _health(f"{address}/ready")[0] == 0
    assert _health(f"{address}/other") == (1, "503 waiting for partitions\n")


def test_the_health_check_fails_where_nothing_listens(address: str) -> None:
    code, told = _health("http://127.0.0.1:1/ready")

    assert code == 1
    assert "ConnectionRefusedError" in told
