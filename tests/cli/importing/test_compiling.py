"""A map's mistakes: all found before anything is read, each named with its remedy."""

from pathlib import Path

import pytest
from cli.importing.mapped import ANY_RUN, problems, run_map
from runtally_cli.importing.compiling import compile_map
from runtally_cli.importing.map_file import parse_map, read_map

MAPS = sorted((Path(__file__).parent / "maps").glob("*.yaml"))


@pytest.mark.parametrize("path", MAPS, ids=[path.stem for path in MAPS])
def test_the_maps_beside_the_tests_compile(path: Path) -> None:
    assert compile_map(read_map(path)).fields


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("tokens_input: n", "tokens_input: is no field of a run; did you mean input_tokens?"),
        ("inputtokens: n", "inputtokens: is no field of a run; did you mean input_tokens?"),
        ("cost: c", "cost: is no field of a run; did you mean cost_usd?"),
        ("zero_unknown: true", "zero_unknown: is no field of a run; did you mean zero_is_unknown?"),
        ("wxyz: 1", "wxyz: is no field of a run; the contract has run_id, workspace_id"),
        ("model: a b", "model: `a b` is no JMESPath expression"),
        ("model: smu(a)", "model: there is no function smu(); did you mean sum()?"),
        ("model: {form: m}", "model: has an unknown entry `form`; did you mean from?"),
        ("model: {form: m}", "model: needs either `from: expression` or `const: value`"),
        ("model: {from: m, const: x}", "model: needs either `from: expression` or `const: value`"),
        ("model: {from: 5}", "model: `from` must be an expression; a constant is written {const: 5}"),
        ("model: [m]", "model: must be text, got a list"),
        ("model: {from: m, time: iso}", "model: takes no `time`: it is no time"),
        ("model: {from: m, zone: UTC}", "model: takes no `zone`: it is no time"),
        ("model: {from: m, unit: s}", "model: takes no `unit`: only durations do"),
        ("duration_ms: {from: d, unit: sec}", "duration_ms: `unit: sec` is none of ns, us, ms, s, min, h"),
        ("finished_at: {from: t, time: epoch}", "finished_at: `time: epoch` is none of iso, epoch_s, epoch_ms"),
        ("finished_at: {from: t, zone: Europe/Berln}", "`Europe/Berln` is no time zone; did you mean Europe/Berlin?"),
        ("finished_at: {const: 2026-01-01}", "finished_at: has no zone, got '2026-01-01'; write `zone: UTC`"),
        ("finished_at: {const: 1970-01-01T00:00:00Z}", "finished_at: must lie in the years 2015 to 2100"),
        ("cost_usd: {const: -1}", "cost_usd: must be >= 0, got -1"),
        ("cost_source: {const: guessed}", "cost_source: must be one of reported, inferred, unknown"),
        ("error_category: {from: e, values: []}", "error_category: `values` must map their values to ours"),
        ("model: {from: m, zero_is_unknown: 3}", "model: `zero_is_unknown` of a field is true or false"),
        ("zone: Berlin", "zone: `Berlin` is no time zone"),
        ("null_values: [[1]]", "null_values: must list texts and numbers"),
        ("zero_is_unknown: [cost_usd]", "zero_is_unknown: `cost_usd` is not mapped"),
        ("zero_is_unknown: {a: 1}", "zero_is_unknown: must list fields, or be true"),
        ("format: xml", "format: `xml` is none of jsonl, json, csv"),
        ("delimiter: ';;'", "delimiter: must be one character"),
        ("encoding: utf-9", "encoding: `utf-9` is no encoding"),
        ("rows: '['", "rows: `[` is no JMESPath expression"),
        ("fields: [run_id]", "fields: must hold `field: expression` lines"),
        ("fields: {run_id: id}", "run_id: stands twice: beside `fields` and in it"),
        ("tags: {a: {from: x, unit: s}}", "tags.a: has an unknown entry `unit`"),
        ("run_id: again", "line 8: `run_id` stands twice"),
    ],
)
def test_mistakes(line: str, problem: str) -> None:
    assert problem in problems(f"{ANY_RUN}\n{line}")


def test_an_outcome_that_is_none_of_ours() -> None:
    text = ANY_RUN.replace("{const: succeeded}", "{from: ok, values: {true: success}}")
    assert "status: must be one of queued, running" in problems(text)
    assert "did you mean succeeded?" in problems(text)


def test_everything_that_is_missing_is_told_at_once() -> None:
    told = problems("model: m\ncost: c")
    for name in ("run_id", "workspace_id", "agent_id", "status"):
        assert f"{name}: is required: write `{name}: " in told
    assert "cost: is no field" in told


def test_an_id_that_does_not_come_from_the_row() -> None:
    assert "run_id: must come from the row" in problems(ANY_RUN.replace("run_id: id", "run_id: {const: r}"))


@pytest.mark.parametrize("text", ["", "- a", "a: [", "a: *x", "? [a]\n: b", "text"])
def test_what_is_no_map(text: str) -> None:
    assert problems(text)


def test_scalars_mean_what_they_look_like() -> None:
    entries = parse_map("a: no\nb: 012\nc: 12:30\nd: 2026-01-01T00:00:00Z\ne: {true: x, 1: y, null: z}\nf: 1.50\ng:\n")
    assert entries | {"f": str(entries["f"])} == {
        "a": "no",
        "b": 12,
        "c": "12:30",
        "d": "2026-01-01T00:00:00Z",
        "e": {"true": "x", "1": "y", "null": "z"},
        "f": "1.50",
        "g": None,
    }


def test_fields_may_stand_under_a_heading() -> None:
    nested = "fields:" + ANY_RUN.replace("\n", "\n  ") + "\nzero_is_unknown: true"
    names = [item.name for item in compile_map(parse_map(nested)).fields]
    assert names == [item.name for item in run_map().fields]
