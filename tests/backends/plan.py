"""Which backend the tests take: named -> container -> native -> local. Pure; the probes do the looking."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

DEMAND_VARIABLE: Final = "RUNTALLY_TEST_BACKENDS"

Kind = Literal["named", "container", "native", "local"]

# Says why something can't be had, or None when it can.
Probe = Callable[[], str | None]


class Demand(StrEnum):
    """What RUNTALLY_TEST_BACKENDS asks for."""

    BEST = "auto"
    NATIVE = "native"
    LOCAL = "local"


class BackendMissing(RuntimeError):
    """A backend that was demanded, or was named, can't be had: an error, never a skip."""


@dataclass(frozen=True)
class Choice:
    """A kind of backend, and why not a better one."""

    kind: Kind
    because: str


def read_demand(value: str | None) -> Demand:
    """The demand in the environment variable's value; unset or empty means the best there is."""
    try:
        return Demand(value or Demand.BEST)
    except ValueError:
        known = ", ".join(Demand)
        raise BackendMissing(f"{DEMAND_VARIABLE}={value} is none of {known}") from None


def choose(demand: Demand, *, named: str | None, container: Probe, native: Probe) -> Choice:
    """The best kind that is to be had, or the demanded one; raises BackendMissing without it.

    `named` is the variable that names a server, when it is set. Probes are asked only when needed.
    """
    if demand is Demand.LOCAL:
        return Choice("local", "demanded")
    if demand is Demand.NATIVE:
        if reason := native():
            raise BackendMissing(f"{DEMAND_VARIABLE}=native, but {reason}")
        return Choice("native", "demanded")
    if named:
        return Choice("named", f"{named} is set")
    if (no_container := container()) is None:
        return Choice("container", "Docker answers")
    if (no_native := native()) is None:
        return Choice("native", no_container)
    return Choice("local", f"{no_container}; {no_native}")
