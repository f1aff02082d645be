"""docs/faults.md names every fault, tests that exist, and the counts that its own lines tell of."""

import ast
from pathlib import Path

from chaos.facts import Facts
from chaos.fault_rows import ROWS
from chaos.fault_table import DOCUMENT, facts_of, render

TESTS = Path(__file__).parents[1]
FAULTS = 38


def test_every_fault_of_the_catalogue_is_there_with_a_test_or_a_reason() -> None:
    assert [row.number for row in ROWS] == list(range(1, FAULTS + 1))
    assert not [row.number for row in ROWS if not row.tests and not row.remark]


def test_the_tests_that_are_named_exist() -> None:
    missing = [test for row in ROWS for test in row.tests if not _exists(test)]
    assert not missing


def test_the_page_is_what_the_command_writes() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    assert render(facts_of(Path("nowhere"), page)) == page


def test_a_new_run_replaces_its_suites_line_and_no_other(tmp_path: Path) -> None:
    facts = Facts("chaos")
    facts.count("kills at named points", 3)
    facts.write(tmp_path)
    before = render({"other": {"suite": "other", "date": "2026-11-01", "counts": {"seeds": 7, "lost answers": 2}}})
    after = facts_of(tmp_path, before)
    assert after["other"]["counts"] == {"seeds": 7, "lost answers": 2}
    assert after["chaos"]["counts"] == {"kills at named points": 3}
    assert "chaos: kills at named points 3" in render(after)


def _exists(test: str) -> bool:
    path, _, name = test.partition("::")
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(tree))
