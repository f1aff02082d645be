"""Facts as the probes of a healthy installation give them, to be spoilt one at a time."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from runtally_cli.doctor.broker_facts import BrokerFacts, GroupFacts, TopicLag
from runtally_clickhouse.findings import Finding, Level
from runtally_consumer.topic_facts import TopicFacts
from runtally_consumer.topics import ALL_TOPICS, DEAD_LETTER_BYTES, EVENT_TOPICS

NOW: Final = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
WEEK_MS: Final = 7 * 24 * 60 * 60 * 1000
HEALTHY: Final = BrokerFacts(
    bootstrap="kafka:9092",
    cluster_id="cnVudGFsbHk",
    brokers=3,
    idempotent=True,
    topics={topic: TopicFacts(12, 3) for topic in ALL_TOPICS},
    configs={
        topic: {
            "retention.ms": str(WEEK_MS),
            "max.message.bytes": str(DEAD_LETTER_BYTES if topic.endswith(".dlq") else 1_048_588),
        }
        for topic in ALL_TOPICS
    },
    group=GroupFacts("runtally", "Stable", 2),
    lag={topic: TopicLag(0) for topic in EVENT_TOPICS},
)
IN_MEMORY: Final = replace(
    HEALTHY,
    cluster_id="local-1f2e",
    brokers=1,
    idempotent=False,
    topics={topic: TopicFacts(12, 1) for topic in ALL_TOPICS},
)


def bad(findings: Iterable[Finding]) -> list[Finding]:
    """What is not ok; each with its remedy, or a `Finding` could not be made."""
    return [finding for finding in findings if finding.level is not Level.OK]


def the_bad_one(findings: Iterable[Finding]) -> Finding:
    (finding,) = bad(findings)
    return finding


def value(fact: Any) -> dict[str, Any]:
    """A fact as `store_facts` tells it."""
    return {"value": fact}
