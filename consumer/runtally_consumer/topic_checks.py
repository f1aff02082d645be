"""Whether records and offsets are kept for longer than an outage may last, and on enough brokers. Pure."""

from collections.abc import Iterator, Mapping

from runtally_clickhouse.findings import Finding, error, warning

from runtally_consumer.topic_facts import Keeping, TopicFacts
from runtally_consumer.topics import DEAD_LETTER_BYTES, EVENT_TOPICS

_HOUR_MS = 60 * 60 * 1000
_WEEK_MS = 7 * 24 * _HOUR_MS


def check_keeping(keeping: Keeping, outage_budget_hours: float) -> Iterator[Finding]:
    """Whatever would lose records in an outage that may be; nothing when all is well."""
    for topic, facts in keeping.topics.items():
        yield from check_replicas(topic, facts, keeping.brokers)
    for topic, configs in keeping.configs.items():
        replication = keeping.topics[topic].replication if topic in keeping.topics else 0
        yield from check_topic_configs(topic, configs, replication, outage_budget_hours, keeping.bootstrap)
    yield from check_offsets_retention(keeping.of_brokers, outage_budget_hours)


def check_replicas(topic: str, found: TopicFacts, brokers: int) -> Iterator[Finding]:
    if found.leaderless:
        message = f"{topic}: {found.leaderless} of {found.partitions} partitions have no leader"
        yield error("topics", message, "start the brokers that hold them")
    elif found.under_replicated:
        message = f"{topic}: {found.under_replicated} of {found.partitions} partitions lack a replica in sync"
        yield warning("topics", message, "start the brokers that hold the replicas")
    if found.replication < 2 <= brokers:
        message = f"{topic}: one replica on a cluster of {brokers} brokers, so one broker's disk loses it"
        remedy = "`kafka-reassign-partitions.sh` to 3 replicas; new topics: `runtally migrate --replication 3`"
        yield warning("topics", message, remedy)


def check_topic_configs(
    topic: str, configs: Mapping[str, str], replication: int, outage_budget_hours: float, bootstrap: str
) -> Iterator[Finding]:
    """`replication` 0 where it is not known."""
    alter = f"`kafka-configs.sh --bootstrap-server {bootstrap} --alter --topic {topic} --add-config"
    kept_ms, kept_bytes = int(configs.get("retention.ms") or -1), int(configs.get("retention.bytes") or -1)
    if 0 <= kept_ms < outage_budget_hours * _HOUR_MS:
        message = (
            f"{topic}: records are kept for {kept_ms / _HOUR_MS:.1f} h: "
            f"an outage of {outage_budget_hours:g} h (RUNTALLY_OUTAGE_BUDGET_HOURS) would lose some"
        )
        yield warning(
            "topics", message, f"{alter} retention.ms={max(_WEEK_MS, round(outage_budget_hours * _HOUR_MS))}`"
        )
    if kept_bytes >= 0:
        message = f"{topic}: a partition keeps {kept_bytes:,} bytes: whatever comes beyond, in an outage too, is lost"
        yield warning("topics", message, f"{alter} retention.bytes=-1`")
    room = configs.get("max.message.bytes")
    if topic not in EVENT_TOPICS and room and int(room) < DEAD_LETTER_BYTES:
        message = f"{topic}: takes {int(room):,} bytes a record, a dead letter may have {DEAD_LETTER_BYTES:,}"
        yield warning("topics", message, f"{alter} max.message.bytes={DEAD_LETTER_BYTES}`")
    in_sync = int(configs.get("min.insync.replicas") or 0)
    if in_sync == 1 < replication:
        message = f"{topic}: a record counts as written on one of {replication} replicas: one disk may lose it"
        yield warning("topics", message, f"{alter} min.insync.replicas={max(2, replication - 1)}`")
    if 3 <= replication <= in_sync:
        message = f"{topic}: nothing can be written while one of {replication} replicas is away (min.insync.replicas)"
        yield warning("topics", message, f"{alter} min.insync.replicas={replication - 1}`")


def check_offsets_retention(configs: Mapping[str, str], outage_budget_hours: float) -> Iterator[Finding]:
    """The offsets of a group without members; `configs` of a broker."""
    minutes = int(configs.get("offsets.retention.minutes") or -1)
    if 0 <= minutes < outage_budget_hours * 60:
        message = (
            f"offsets of a group that is away are kept for {minutes / 60:.1f} h: after an outage of "
            f"{outage_budget_hours:g} h (RUNTALLY_OUTAGE_BUDGET_HOURS) all would be read again (no answer changes)"
        )
        yield warning("topics", message, "set offsets.retention.minutes=10080 in the brokers' server.properties")
