"""Rollups as named operations: they run in whichever process holds the store, each for some seconds at most."""

import secrets
from collections.abc import Mapping
from typing import Any

from runtally_clickhouse.client import Store
from runtally_clickhouse.rollup_levels import LEVELS, QUARTER_HOUR, RollupLevel
from runtally_clickhouse.rollups import BUCKETS_AT_ONCE, dirty_buckets, mark_buckets
from runtally_clickhouse.rollups import rollup_status as ask_status
from runtally_consumer.rollups.composition import recompute_limits
from runtally_consumer.rollups.planning import newest_slice
from runtally_consumer.rollups.refreshing import refresh_slice
from runtally_consumer.settings import ConsumerSettings


def rollup_status(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """How far they are, by the columns of rollup_status.sql; hours and days in `wide`. Raises `StoreError`."""
    narrow, *wide = LEVELS
    return {**ask_status(store, narrow), "wide": {level.name: dict(ask_status(store, level)) for level in wide}}


def rollup_mark(store: Store, parameters: Mapping[str, Any]) -> int:
    """Put the buckets from `from_s` to `to_s` out of date, and return how many are. Raises `StoreError`."""
    from_s, to_s = _instant(parameters, "from_s"), _instant(parameters, "to_s")
    mark_buckets(store, from_s, to_s)
    return dirty_buckets(store, 1, to_s, from_s).total


def rollup_refresh(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Recompute the newest buckets, of the width `level`, before `to_s` that are out of date: `most`, of one month.

    Returns how many, how many others are, and `next_s`, before which the next call goes on. Raises `StoreError`.
    """
    most, level = int(parameters["most"]), _level(parameters)
    from_s, to_s = _instant(parameters, "from_s"), _instant(parameters, "to_s")
    found = dirty_buckets(
        store,
        min(most, BUCKETS_AT_ONCE),
        None if to_s is None else -(-to_s // level.seconds) * level.seconds,
        None if from_s is None else level.start_of(from_s),
        level,
    )
    chosen = newest_slice(found.listed, most)
    if chosen:
        refresh_slice(store, chosen, recompute_limits(ConsumerSettings()), secrets.randbits, level)
    return {
        "refreshed": len(chosen),
        "left": found.total - len(chosen),
        "next_s": chosen[-1].start_s if chosen else None,
    }


def _level(parameters: Mapping[str, Any]) -> RollupLevel:
    name = parameters.get("level", QUARTER_HOUR.name)
    return next(level for level in LEVELS if level.name == name)


def _instant(parameters: Mapping[str, Any], name: str) -> int | None:
    given = parameters.get(name)
    return None if given is None else int(given)
