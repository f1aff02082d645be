"""What the benchmark of the dashboard tells of each page."""

from benchmarks.bench_ui import by_page


def test_each_page_has_its_median_and_its_worst_turn_the_slowest_first() -> None:
    turns = [("Cost", 300.4), ("Errors", 900.0), ("Cost", 500.0), ("Errors", 100.0), ("Cost", 301.6)]
    found = by_page(turns)
    assert list(found) == ["Errors", "Cost"]
    assert found == {"Errors": {"p50_ms": 500, "worst_ms": 900}, "Cost": {"p50_ms": 302, "worst_ms": 500}}
