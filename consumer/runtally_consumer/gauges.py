"""Gauges of the consumer's state: read when /metrics is asked for, so that nobody pays for them in between."""

from collections.abc import Callable
from functools import partial

from runtally_consumer.engine import Engine
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.source import Source
from runtally_consumer.topics import EVENT_TOPICS
from runtally_consumer.unread import UnreadWatch


def gauge_state(
    metrics: ConsumerMetrics,
    engine: Engine,
    source: Source,
    unread: UnreadWatch,
    unix_seconds: Callable[[], float],
    monotonic: Callable[[], float],
) -> None:
    """From now on the gauges show what the engine and the source say. Show them in the consumer's event loop."""

    def is_open(topic: str) -> float:
        return float(topic in engine.open_breakers)

    def stopped(topic: str) -> float:
        return sum(partition.topic == topic for partition in engine.stopped)

    def age_seconds(topic: str) -> float:
        oldest = engine.oldest_timestamp_ms(topic)
        # A sender's clock may be ahead, ours may be set back.
        ages = [0.0 if oldest is None else max(0.0, unix_seconds() - oldest / 1000)]
        lag = source.lag()
        for partition, newest in engine.newest_timestamps_ms(topic).items():
            if lag.get(partition):
                read_age = None if newest is None else unix_seconds() - newest / 1000
                ages.append(unread.age_seconds(partition, read_age, monotonic()))
        return max(ages)

    for topic in EVENT_TOPICS:
        metrics.breaker_open.labels(topic).set_function(partial(is_open, topic))
        metrics.stopped_partitions.labels(topic).set_function(partial(stopped, topic))
        metrics.lag_seconds.labels(topic).set_function(partial(age_seconds, topic))
    metrics.buffer_bytes.set_function(lambda: engine.held_bytes)
    metrics.lag_records.set_function(lambda: sum(source.lag().values()) + engine.held_records)
