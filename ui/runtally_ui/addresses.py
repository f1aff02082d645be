"""Addresses in their present form: old names of filters, and other spellings of a choice, still open."""

from collections.abc import Mapping, Sequence

from runtally_ui.periods import ALL, COMPARISONS, CUSTOM

RENAMED = {"workspace": "workspace_id", "agent": "agent_id", "tz": "timezone"}
_COMPARISON_WORDS = {name: words for words, name in COMPARISONS.items() if name} | {"off": "no comparison"}
_RANGES = {"all": ALL, "custom": CUSTOM}

Query = dict[str, list[str]]


def modern(query: Mapping[str, Sequence[str]]) -> Query:
    """The same question under the present names. One that is modern already comes back equal."""
    found = {RENAMED.get(name, name): list(values) for name, values in query.items() if name != "dates"}
    dates = sorted(value for value in query.get("dates", ()) if value)
    if dates and not {"from", "to"} & set(found):
        found |= {"from": [dates[0]], "to": [dates[-1]]}
    if {"from", "to"} & set(found) and "range" not in found:
        found["range"] = [CUSTOM]
    for name, spellings in (("range", _RANGES), ("compare", _COMPARISON_WORDS)):
        if name in found:
            found[name] = [spellings.get(value, value) for value in found[name]]
    if "granularity" in found:
        found["granularity"] = [value.capitalize() for value in found["granularity"]]
    return found
