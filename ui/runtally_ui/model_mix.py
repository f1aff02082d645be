"""Of a dearer run, how much is other models, and how much the same models at another cost. Pure.

A group's cost per run is the sum of each model's share of the runs times its cost per run. Both factors' parts are
taken at the mean of the two periods; a model of one period only has no other cost there, and so is all mix.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from runtally_ui.answers import QueryRow
from runtally_ui.cost_changes import Change, figures

_ZERO: Final = Decimal(0)
_NOTHING: Final = Decimal("1e-12")  # what is left of dividing
_REST: Final = "\u2400rest"
_Models = Mapping[str, tuple[Decimal, int]]


def with_model_mix(
    found: Sequence[Change], now: Sequence[QueryRow], then: Sequence[QueryRow], identity: Callable[[QueryRow], str]
) -> list[Change]:
    """`now` and `then` are by group and model; what they leave out of a group counts as one model more."""
    here, before = _by_model(now, identity), _by_model(then, identity)
    return [replace(one, by_mix=_mix(one, here.get(one.key, {}), before.get(one.key, {}))) for one in found]


def _by_model(rows: Sequence[QueryRow], identity: Callable[[QueryRow], str]) -> Mapping[str, _Models]:
    found: dict[str, dict[str, tuple[Decimal, int]]] = defaultdict(dict)
    for row in rows:
        if not row.other:
            found[identity(row)][row.text("model")] = figures(row)
    return found


def _mix(one: Change, now: _Models, then: _Models) -> Decimal:
    if not one.runs_now or not one.runs_then:
        return _ZERO
    here, before = _whole(now, one.now, one.runs_now), _whole(then, one.then, one.runs_then)
    at_other_cost = _ZERO
    for model in here.keys() & before.keys():
        (cost, runs), (cost_before, runs_before) = here[model], before[model]
        if runs and runs_before:
            share = (Decimal(runs) / one.runs_now + Decimal(runs_before) / one.runs_then) / 2
            at_other_cost += share * (cost / runs - cost_before / runs_before)
    mix = one.by_price - at_other_cost * (one.runs_now + one.runs_then) / 2
    return mix if abs(mix) > _NOTHING else _ZERO


def _whole(models: _Models, cost: Decimal, runs: int) -> _Models:
    told = [(_ZERO, 0), *models.values()]
    rest = cost - sum((own for own, _ in told), _ZERO), runs - sum(own for _, own in told)
    return {**models, _REST: rest} if any(rest) else models
