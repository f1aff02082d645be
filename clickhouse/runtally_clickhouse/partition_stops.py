"""Stopped partitions as consumers tell them, and the requests to go on that people leave for them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Reader, Row, Writer

_INSTANT = pa.timestamp("us", "UTC")


@dataclass(frozen=True, slots=True)
class PartitionStop:
    """A partition that stands still before `stopped_offset`. Resumed, it is judged anew from `judged_from` on."""

    stream: str
    topic: str
    partition: int
    stopped_offset: int
    judged_from: int
    reason: str


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """Someone has looked at a stopped partition: its records below `judged_from` pass."""

    stream: str
    topic: str
    partition: int
    judged_from: int


def tell_stops(writer: Writer, stops: Sequence[PartitionStop], at: datetime) -> None:
    """Told again, a stop is the same stop. Blocks; raises as `Writer.insert`."""
    columns = {
        **_places(stops),
        "stopped_offset": pa.array([one.stopped_offset for one in stops], pa.uint64()),
        "judged_from": pa.array([one.judged_from for one in stops], pa.uint64()),
        "reason": pa.array([one.reason for one in stops], pa.string()),
        "stopped_at": pa.array([at] * len(stops), _INSTANT),
    }
    writer.insert("partition_stops", pa.table(columns))


def request_resumes(writer: Writer, requests: Sequence[ResumeRequest], at: datetime) -> None:
    """Leave requests; the owners of the partitions look for them while they are stopped. As `tell_stops`."""
    columns = {
        **_places(requests),
        "judged_from": pa.array([one.judged_from for one in requests], pa.uint64()),
        "requested_at": pa.array([at] * len(requests), _INSTANT),
    }
    writer.insert("partition_resumes", pa.table(columns))


def last_stops(reader: Reader, streams: Collection[str]) -> list[PartitionStop]:
    """The last stop of each partition, also where it has gone on since. Blocks; raises as `Reader.query`."""
    names = ("stream", "topic", "partition", "last_stopped_offset", "last_judged_from", "last_reason")
    return [PartitionStop(*(row[name] for name in names)) for row in _ask(reader, "partition_stops", streams)]


def last_requests(reader: Reader, streams: Collection[str]) -> list[ResumeRequest]:
    """The request of each partition that reaches furthest. Blocks; raises as `Reader.query`."""
    names = ("stream", "topic", "partition", "requested_judged_from")
    return [ResumeRequest(*(row[name] for name in names)) for row in _ask(reader, "partition_resumes", streams)]


def _ask(reader: Reader, name: str, streams: Collection[str]) -> list[Row]:
    return reader.query(query_text(name), {"streams": sorted(streams)})


def _places(of: Sequence[PartitionStop] | Sequence[ResumeRequest]) -> dict[str, pa.Array]:
    return {
        "stream": pa.array([one.stream for one in of], pa.string()),
        "topic": pa.array([one.topic for one in of], pa.string()),
        "partition": pa.array([one.partition for one in of], pa.uint32()),
    }
