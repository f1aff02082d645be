"""Files into a whole local stack and out of its answers: small ones of our own, and recorded ones with their truth."""

import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cli.importing import samples
from cli.importing.edges import MAPS, Outcome, run
from integration.answers import all_runs, analytics
from integration.recorded import DATA, needs_recorded_runs, rows, truth
from integration.stacks import RUNTALLY, RunningStack, local_stack
from runtally_cli.importing.command import Exit, ImportRequest

METR_DAYS = {"from": "2024-10-01", "to": "2025-01-31"}


@pytest.fixture(scope="module", name="stack")
def fixture_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with local_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


class Importer:
    """Imports into the stack, rejected rows into the test's folder, and asks the stack's API."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        self.stack, self.rejected = stack, folder / "rejected.jsonl"

    def load(self, file: Path, map_path: Path, workspace: str) -> Outcome:
        """Into a workspace of the test's own, as the stack lives longer than the test."""
        text = map_path.read_text()
        (named,) = [line for line in text.splitlines() if line.startswith("workspace_id:")]
        own = self.rejected.with_name(f"{workspace}.yaml")
        own.write_text(text.replace(named, f"workspace_id: {{const: {workspace}}}"))
        return run(ImportRequest(file, own, rejected=self.rejected), self.stack.environment)

    def answer(self, workspace: str, **parameters: Any) -> dict[str, Any]:
        with self.stack.client() as client:
            return analytics(client, workspace_id=workspace, **parameters)

    def runs(self, workspace: str) -> dict[str, dict[str, Any]]:
        with self.stack.client() as client:
            return {item["run_id"]: item for item in all_runs(client, workspace_id=workspace, limit=1000)}


@pytest.fixture(name="importer")
def fixture_importer(stack: RunningStack, tmp_path: Path) -> Importer:
    return Importer(stack, tmp_path)


def assert_all_in(outcome: Outcome, count: int) -> None:
    assert outcome.said.splitlines()[0] == f"read {count}, published {count}, rejected 0"
    assert "queryable: all of them, after " in outcome.said
    assert outcome.code is Exit.ALL_IN


def test_repeated_rows_mixed_ids_and_null_outcomes(importer: Importer, tmp_path: Path) -> None:
    file, workspace = samples.vexp(tmp_path), "sample-vexp"
    for _ in range(2):  # importing again changes nothing
        assert_all_in(importer.load(file, MAPS / "vexp_swebench.yaml", workspace), 4)
        totals = importer.answer(workspace, **{"from": "2026-03-22", "to": "2026-03-22"})["totals"]
        assert totals["runs"] == 3
        assert (totals["cost_usd"], totals["input_tokens"]) == ("0.3", 2069)
        assert totals["coverage"] == {"duration": 3, "tokens": 3, "cost": 2}
        counts = totals["status_counts"]
        assert (counts["succeeded"], counts["failed"], counts["unknown"]) == (1, 1, 1)
        found = importer.runs(workspace)
        assert {name: item["tool_calls"] for name, item in found.items()} == {
            "django__django-1": 13,
            "7": None,
            "7b": None,
        }
    assert not importer.rejected.exists()


def test_rows_of_1970_are_rejected_and_reported(importer: Importer, tmp_path: Path) -> None:
    outcome = importer.load(samples.metr(tmp_path), MAPS / "metr.yaml", "sample-metr")
    assert outcome.said.splitlines()[:2] == [
        "read 3, published 2, rejected 1",
        f"rejected rows, with their reasons: {importer.rejected}",
    ]
    assert outcome.code is Exit.ALL_IN
    (rejected,) = [json.loads(line) for line in importer.rejected.read_text().splitlines()]
    assert rejected["line"] == 24
    assert rejected["row"]["run_id"] == 65
    assert "started_at must lie in the years 2015 to 2100 (UTC)" in rejected["reason"]
    days = importer.answer("sample-metr", **METR_DAYS)["runs_per_day"]
    ran = [(day["date"], day["runs"], day["succeeded"], day["failed"]) for day in days if day["runs"]]
    assert ran == [("2024-12-13", 2, 1, 1)]
    found = importer.runs("sample-metr")
    assert (found["mp4-server_2"]["duration_ms"], found["mp4-server_2"]["error_type"]) == (1000, "usageLimits")


def test_runs_without_times_or_cost(importer: Importer, tmp_path: Path) -> None:
    assert_all_in(importer.load(samples.tau_bench(tmp_path), MAPS / "tau_bench.yaml", "sample-tau"), 3)
    found = importer.runs("sample-tau")
    assert {name: item["tool_calls"] for name, item in found.items()} == {"0-0": 2, "0-1": 0, "1-0": 4}
    assert {item["cost_usd"] for item in found.values()} == {None}
    assert {item["user_id"] for item in found.values()} == {"mia_li"}
    assert {item["duration_ms"] for item in found.values()} == {None}


def test_nested_runs(importer: Importer, tmp_path: Path) -> None:
    assert_all_in(importer.load(samples.pathrule(tmp_path), MAPS / "pathrule.yaml", "sample-pathrule"), 2)
    found = importer.runs("sample-pathrule")
    first, second = found["suite/claude/0"], found["suite/claude/1"]
    assert (first["status"], second["status"]) == ("unknown", "timed_out")
    assert (first["input_tokens"], first["output_tokens"], first["tool_calls"]) == (224, 14, 3)
    assert (first["started_at"], first["duration_ms"]) == ("2026-06-12T00:30:48.671Z", 68571)
    assert (second["input_tokens"], second["tool_calls"], second["llm_calls"]) == (None, None, 0)


def test_a_spreadsheet_by_the_command_line(importer: Importer, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(samples.LEADERBOARD_MAP)
    file = samples.leaderboard(tmp_path)
    command = [*RUNTALLY, "import", str(file), "--map", str(tmp_path / "map.yaml"), "--strict"]
    ended = subprocess.run(
        command, env=dict(importer.stack.environment), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == Exit.SOME_REJECTED, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[0] == "read 5, published 3, rejected 2"
    lines = (tmp_path / "leaderboard.csv.rejected.jsonl").read_text().splitlines()
    assert [(item["line"], item["reason"]) for item in map(json.loads, lines)] == [
        (4, "cost_usd must be a number or a decimal string >= 0, got 'oops'"),
        (5, "has 2 cells, the header 8"),
    ]
    found = importer.runs("board")
    assert [found[name]["cost_usd"] for name in "124"] == [None, "1.25", "0.000000001"]
    assert [found[name]["status"] for name in "124"] == ["succeeded", "failed", "unknown"]
    assert [found[name]["input_tokens"] for name in "124"] == [1000, None, 5]
    assert [found[name]["duration_ms"] for name in "124"] == [12500, 0, 1000]
    assert [found[name]["started_at"][:16] for name in "124"] == [
        f"2026-03-22T{time}" for time in ("07:00", "22:30", "23:10")
    ]
    assert found["2"]["model"] == 'model "two", new'


@needs_recorded_runs
def test_coding_agent_runs_equal_their_truth(importer: Importer) -> None:
    expected, workspace = truth("vexp_swebench")["all"], "vexp"
    for _ in range(2):
        outcome = importer.load(DATA / "vexp_swebench" / "runs.jsonl", MAPS / "vexp_swebench.yaml", workspace)
        assert_all_in(outcome, 100)
        totals = importer.answer(workspace, **{"from": "2026-03-22", "to": "2026-03-22"})["totals"]
        _equals(totals, expected)
        assert totals["input_tokens"] == 114_041_929
        assert totals["output_tokens"] == expected["tok_out"]["sum"]
        assert Decimal(totals["cost_usd"]) == expected["cost_usd"]["sum"] == Decimal("67.20689725")
        assert totals["coverage"] == {"duration": 100, "tokens": 100, "cost": 100}
    found = importer.runs(workspace).values()
    for field, name in (
        ("llm_calls", "turns"),
        ("tool_calls", "tool_calls"),
        ("cache_read_tokens", "tok_cached_read"),
        ("cache_write_tokens", "tok_cache_write"),
    ):
        assert sum(item[field] for item in found) == expected[name]["sum"], field


@needs_recorded_runs
def test_agent_runs_over_38_days_equal_their_truth(importer: Importer) -> None:
    expected = truth("metr")
    for _ in range(2):
        outcome = importer.load(DATA / "metr" / "all_runs.jsonl", MAPS / "metr.yaml", "metr")
        assert outcome.said.startswith("read 7063, published 6852, rejected 211\n")
        answer = importer.answer("metr", **METR_DAYS)
        _equals(answer["totals"], expected["agents_only"])
        assert (answer["totals"]["cost_usd"], answer["totals"]["total_tokens"]) == (None, None)
    rejected = [json.loads(line) for line in importer.rejected.read_text().splitlines()]
    assert len(rejected) == 211
    assert {item["row"]["alias"] for item in rejected} == {"human"}
    by_model = {name: counts for name, counts in expected["by_model"].items() if name != "human"}
    assert {agent["agent_id"] for agent in answer["agents"]} == set(by_model)
    for agent in answer["agents"]:
        _equals(agent, by_model[agent["agent_id"]])
    assert _days(answer) == expected["by_day_utc"]
    errors = [item["error_type"] for item in importer.runs("metr").values()]
    assert errors.count("usageLimits") == expected["by_error_type"]["usageLimits"]["runs"]


@needs_recorded_runs
def test_customer_service_runs_equal_their_truth(importer: Importer) -> None:
    expected = truth("tau_bench")
    file = DATA / "tau_bench" / "gpt-4o-airline.json.gz"
    assert_all_in(importer.load(file, MAPS / "tau_bench.yaml", "tau_bench"), 200)
    totals = importer.answer("tau_bench", **{"from": "2024-06-20", "to": "2024-06-20"})["totals"]
    assert totals["runs"] == expected["rows"]
    assert totals["status_counts"]["succeeded"] == expected["all"]["success"]
    assert totals["status_counts"]["failed"] == expected["all"]["failure"]
    assert totals["cost_usd"] is None  # the simulated user's cost is nobody's here
    assert totals["coverage"] == {"duration": 0, "tokens": 0, "cost": 0}
    found = importer.runs("tau_bench")
    assert sum(item["tool_calls"] for item in found.values()) == expected["all"]["tool_calls"]["sum"]
    assert min(item["tool_calls"] for item in found.values()) == 0
    assert len({item["user_id"] for item in found.values()}) == expected["distinct_users"]
    assert {item["agent_id"] for item in found.values()} == {"gpt-4o-airline"}
    for trial, counts in expected["by_trial"].items():
        ended = [item["status"] for name, item in found.items() if name.endswith(f"-{trial}")]
        assert (len(ended), ended.count("succeeded")) == (counts["runs"], counts["success"])


@needs_recorded_runs
def test_nested_runs_equal_what_plain_python_counts(importer: Importer) -> None:
    file = DATA / "tiny_samples" / "pathrule_runs.jsonl"
    assert_all_in(importer.load(file, MAPS / "pathrule.yaml", "pathrule"), 12)
    found = importer.runs("pathrule")
    assert len(found) == 12
    for row in rows("tiny_samples", "pathrule_runs.jsonl"):
        item, prompts = found[row["cell"]["cell_id"]], row["prompt_results"]
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        assert item["status"] == "unknown"
        assert item["input_tokens"] == sum(prompt["tokens"][name] or 0 for prompt in prompts for name in names)
        assert item["output_tokens"] == sum(prompt["tokens"]["output_tokens"] for prompt in prompts)
        assert item["tool_calls"] == sum(prompt["tool_calls"] for prompt in prompts)
        assert item["llm_calls"] == len(prompts)
        assert (item["started_at"], item["finished_at"]) == (row["started_at"], row["completed_at"])


@needs_recorded_runs
def test_production_requests_without_ids_equal_their_truth(importer: Importer) -> None:
    expected = truth("azure_llm_2023")["code"]
    file = DATA / "azure_llm_2023" / "AzureLLMInferenceTrace_code.csv.gz"
    for _ in range(2):
        assert_all_in(importer.load(file, MAPS / "azure_llm.yaml", "azure"), expected["rows"])
        totals = importer.answer("azure", **{"from": "2023-11-16", "to": "2023-11-16"})["totals"]
        assert totals["runs"] == expected["rows"]
        assert totals["input_tokens"] == expected["tok_in"]["sum"]
        assert totals["output_tokens"] == expected["tok_out"]["sum"]


def _equals(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert answer["runs"] == expected["runs"]
    assert answer["status_counts"]["succeeded"] == expected["success"]
    assert answer["status_counts"]["failed"] == expected["failure"]
    assert answer["success_rate"] == pytest.approx(float(expected["success_rate_known"]))
    assert answer["avg_duration_ms"] == pytest.approx(float(expected["duration_s"]["mean"]) * 1000, rel=1e-12)


def _days(answer: dict[str, Any]) -> dict[str, dict[str, int]]:
    days: dict[str, dict[str, int]] = {}
    for entry in answer["runs_per_day"]:
        day = days.setdefault(entry["date"], {"runs": 0, "success": 0})
        day["runs"] += entry["runs"]
        day["success"] += entry["succeeded"]
    return {date: day for date, day in days.items() if day["runs"]}
