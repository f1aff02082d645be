"""The command itself: what needs no broker, and what it says when it cannot."""

import json
import subprocess
from pathlib import Path

import pytest
from cli.importing.edges import MAPS, run
from cli.importing.mapped import ANY_RUN
from integration.stacks import RUNTALLY
from runtally.violations import Violation
from runtally_cli.importing.command import SHOWN_SNAPSHOTS, Exit, ImportRequest, api_url, verdict
from runtally_cli.importing.map_file import InvalidMap
from runtally_cli.importing.publishing import NotPublishable
from runtally_cli.importing.rejection import rejection_line
from runtally_cli.importing.rows import Row
from runtally_cli.local import ports

NOWHERE = {"RUNTALLY_KAFKA_BOOTSTRAP": "127.0.0.1:1"}


@pytest.fixture(name="any_map")
def fixture_any_map(tmp_path: Path) -> Path:
    path = tmp_path / "map.yaml"
    path.write_text(f"{ANY_RUN}\nmodel: modle\nduration_ms: {{from: seconds, unit: s}}")
    return path


def test_a_dry_run_shows_the_first_snapshots_and_publishes_nothing(tmp_path: Path, any_map: Path) -> None:
    file = tmp_path / "runs.jsonl"
    lines = [json.dumps({"id": number, "seconds": 1.5}) for number in range(20)]
    file.write_text("\n".join([*lines[:3], '{"id": null}', *lines[3:]]))
    outcome = run(ImportRequest(file, any_map, dry_run=True), NOWHERE)
    said = outcome.said.splitlines()
    shown = [json.loads(line) for line in said if line.startswith("{")]
    assert [item["run_id"] for item in shown] == [str(number) for number in range(SHOWN_SNAPSHOTS)]
    assert shown[0]["duration_ms"] == 1500
    (rejected,) = [json.loads(line.removeprefix("rejected: ")) for line in said if line.startswith("rejected: ")]
    assert (rejected["line"], rejected["errors"][0]["field"]) == (4, "run_id")
    assert said[-2] == "dry run: read 21, mapped 20, rejected 1; nothing was published"
    assert said[-1] == "note: model is unknown in every row (`modle`)"
    assert outcome.code is Exit.ALL_IN
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.yaml", "runs.jsonl"]


def test_a_broker_that_does_not_answer(tmp_path: Path, any_map: Path) -> None:
    file = tmp_path / "runs.jsonl"
    file.write_text('{"id": 1}')
    nowhere = {"RUNTALLY_KAFKA_PORT": str(ports.pick_free())}
    with pytest.raises(NotPublishable, match=r"start `runtally up`, or set RUNTALLY_KAFKA_BOOTSTRAP"):
        run(ImportRequest(file, any_map), nowhere)


def test_rejected_rows_never_overwrite_the_file(tmp_path: Path, any_map: Path) -> None:
    file = tmp_path / "runs.jsonl"
    file.write_text('{"id": null}')
    with pytest.raises(NotPublishable, match="name another file"):
        run(ImportRequest(file, any_map, rejected=tmp_path / "." / "runs.jsonl"), NOWHERE)


def test_mended_rejected_rows_can_be_imported(tmp_path: Path, any_map: Path) -> None:
    row = Row(7, {"id": "r-7", "seconds": 2})
    file = tmp_path / "runs.jsonl.rejected.jsonl"
    file.write_text(rejection_line(row, [Violation("id", "was wrong", "mend it")]) + "\n")
    any_map.write_text(any_map.read_text() + "\nrows: row")
    outcome = run(ImportRequest(file, any_map, dry_run=True), NOWHERE)
    assert json.loads(outcome.said.splitlines()[0])["run_id"] == "r-7"


def test_a_map_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("runid: id")
    with pytest.raises(InvalidMap) as caught:
        run(ImportRequest(tmp_path / "absent", path), NOWHERE)
    assert f"{path} cannot be used, nothing was published:" in str(caught.value)
    assert "\n  runid: is no field of a run; did you mean run_id?" in str(caught.value)


@pytest.mark.parametrize(
    ("file", "map_path", "code", "told"),
    [
        ("absent.jsonl", MAPS / "metr.yaml", 1, "runtally: [Errno 2] No such file or directory"),
        ("runs.jsonl", "absent.yaml", 1, "runtally: [Errno 2] No such file or directory"),
        ("runs.jsonl", MAPS / "metr.yaml", 3, "dry run: read 1, mapped 0, rejected 1"),
    ],
)
def test_the_command_line(tmp_path: Path, file: str, map_path: Path | str, code: int, told: str) -> None:
    (tmp_path / "runs.jsonl").write_text('{"id": 1}\n')
    command = [*RUNTALLY, "import", file, "--map", str(map_path), "--dry-run"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code
    assert told in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_where_the_api_is() -> None:
    assert api_url({}) == "http://127.0.0.1:8000"
    assert api_url({"RUNTALLY_API_PORT": "9"}) == "http://127.0.0.1:9"
    assert api_url({"RUNTALLY_API_PORT": "9", "RUNTALLY_API_URL": "https://r.example/"}) == "https://r.example"


@pytest.mark.parametrize(
    ("rejected", "strict", "code"),
    [(0, True, Exit.ALL_IN), (1, False, Exit.ALL_IN), (1, True, Exit.SOME_REJECTED), (5, False, Exit.SOME_REJECTED)],
)
def test_rejected_rows_fail_the_command_only_where_asked_or_alone(rejected: int, strict: bool, code: Exit) -> None:
    assert verdict(5, rejected, strict=strict) is code
