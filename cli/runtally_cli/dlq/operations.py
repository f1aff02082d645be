"""Dead letters and stopped partitions as named operations: they run in whichever process holds the store."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from runtally_clickhouse.catalogue import FIRST_INSTANT, DeadLetterFilters
from runtally_clickhouse.catalogue import dead_letter_values as ask_values
from runtally_clickhouse.catalogue import dead_letters as ask_letters
from runtally_clickhouse.client import Store
from runtally_clickhouse.partition_stops import ResumeRequest, last_stops
from runtally_clickhouse.partition_stops import request_resumes as leave_requests

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


def partition_stops(store: Store, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The last stop of each partition of `streams`, also where it has gone on since. Raises as `dead_letters`."""
    return [asdict(stop) for stop in last_stops(store, [str(one) for one in parameters["streams"]])]


def request_resumes(store: Store, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Leave the `requests` for the owners of the partitions, and return them. Raises as `dead_letters`."""
    requests = [
        ResumeRequest(str(one["stream"]), str(one["topic"]), int(one["partition"]), int(one["judged_from"]))
        for one in parameters["requests"]
    ]
    leave_requests(store, requests, datetime.now(UTC))
    return [asdict(one) for one in requests]
