"""The mirror of the dead letters as named operations: they run in whichever process holds the store."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from runtally_clickhouse.catalogue import FIRST_INSTANT, DeadLetterFilters
from runtally_clickhouse.catalogue import dead_letter_values as ask_values
from runtally_clickhouse.catalogue import dead_letters as ask_letters
from runtally_clickhouse.client import Store

MOST_LETTERS = 1_000_000


def dead_letters(store: Store, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The selected letters, newest first, without their values. Raises `StoreError` or `ValueError`."""
    since = parameters.get("since")
    instant = datetime.fromisoformat(str(since)) if since else FIRST_INSTANT
    filters = DeadLetterFilters(
        streams=tuple(map(str, parameters.get("streams", ()))),
        topics=tuple(map(str, parameters.get("topics", ()))),
        partitions=tuple(map(int, parameters.get("partitions", ()))),
        offsets=tuple(map(int, parameters.get("offsets", ()))),
        fields=tuple(map(str, parameters.get("fields", ()))),
        since=instant if instant.tzinfo else instant.replace(tzinfo=UTC),
    )
    return ask_letters(store, filters, min(int(parameters.get("limit", MOST_LETTERS)), MOST_LETTERS))


def dead_letter_values(store: Store, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Keys and values of the letters at `places`, as far as the store keeps them. Raises as `dead_letters`."""
    places = [(str(one[0]), str(one[1]), int(one[2]), int(one[3])) for one in parameters["places"]]
    return ask_values(store, places)
