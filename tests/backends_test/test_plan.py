import pytest
from backends.plan import BackendMissing, Choice, Demand, Probe, choose, read_demand


def _says(reason: str | None) -> Probe:
    return lambda: reason


def _never() -> str | None:
    raise AssertionError("asked for nothing")


def test_a_named_server_comes_first_and_nothing_else_is_looked_for() -> None:
    choice = choose(Demand.BEST, named="SERVER", container=_never, native=_never)

    assert choice == Choice("named", "SERVER is set")


def test_then_a_container_then_native_then_local() -> None:
    yes, no_docker, no_java = _says(None), _says("no Docker"), _says("no Java")

    assert choose(Demand.BEST, named=None, container=yes, native=_never).kind == "container"
    assert choose(Demand.BEST, named=None, container=no_docker, native=yes) == Choice("native", "no Docker")
    assert choose(Demand.BEST, named=None, container=no_docker, native=no_java) == Choice("local", "no Docker; no Java")


def test_native_when_demanded_is_taken_before_all_or_is_an_error() -> None:
    assert choose(Demand.NATIVE, named="SERVER", container=_never, native=_says(None)).kind == "native"
    with pytest.raises(BackendMissing, match="RUNTALLY_TEST_BACKENDS=native, but no Java"):
        choose(Demand.NATIVE, named="SERVER", container=_never, native=_says("no Java"))


def test_local_when_demanded_looks_for_nothing() -> None:
    assert choose(Demand.LOCAL, named="SERVER", container=_never, native=_never).kind == "local"


@pytest.mark.parametrize(
    ("value", "demand"), [(None, Demand.BEST), ("", Demand.BEST), ("native", Demand.NATIVE), ("local", Demand.LOCAL)]
)
def test_demands_are_read_from_the_environment(value: str | None, demand: Demand) -> None:
    assert read_demand(value) is demand


def test_an_unknown_demand_lists_the_known_ones() -> None:
    with pytest.raises(BackendMissing, match="RUNTALLY_TEST_BACKENDS=natvie is none of auto, native, local"):
        read_demand("natvie")
