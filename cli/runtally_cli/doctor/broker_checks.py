"""Broker, topics, consumer group and lag, judged."""

from collections.abc import Iterator, Mapping
from typing import Final

from runtally_consumer.topics import ALL_TOPICS, DEAD_LETTER_BYTES, EVENT_TOPICS

from runtally_cli.doctor.broker_facts import BrokerFacts, GroupFacts, TopicFacts, TopicLag
from runtally_cli.doctor.findings import Finding, Unanswered, error, ok, unknown, warning

DAY_MS: Final = 24 * 60 * 60 * 1000
LONG_LAG: Final = 100_000
_ONCE_IT_ANSWERS: Final = "mend the broker, then `runtally doctor` again"


def check_broker(facts: BrokerFacts | Unanswered, bootstrap: str, *, named: bool) -> list[Finding]:
    """Everything that the brokers tell. `named`: the environment names them, so none is started here."""
    if isinstance(facts, Unanswered):
        remedy = "start it, or set RUNTALLY_KAFKA_BOOTSTRAP and RUNTALLY_KAFKA_SECURITY_PROTOCOL to how it is reached"
        return [
            error(
                "broker",
                f"no broker answers at {bootstrap}: {facts.why.partition(' from [')[0]}",
                remedy if named else "`runtally up`",
            ),
            *(unknown(area, "the broker does not answer", _ONCE_IT_ANSWERS) for area in ("topics", "group", "lag")),
        ]
    return [
        *_cluster(facts),
        *check_topics(facts, make="`runtally migrate`" if named else "`runtally down`, then `runtally up`"),
        *check_group(facts.group, start="`runtally consume`" if named else "`runtally up`"),
        *check_lag(facts),
    ]


def _cluster(facts: BrokerFacts) -> Iterator[Finding]:
    many = f"{facts.brokers} broker{'s' if facts.brokers != 1 else ''}"
    yield ok("broker", f"{facts.bootstrap} answers: {many}, cluster {facts.cluster_id or 'without an id'}")
    if not facts.cluster_id:
        message = "the cluster has no id: its offsets cannot be told from those of another one"
        yield warning("broker", message, "use Apache Kafka 0.10.1 or later")
    if facts.in_memory:
        yield ok("broker", "in memory: for trying and small fleets; no idempotent producer, which changes no answer")
    elif isinstance(facts.idempotent, Unanswered):
        message = f"whether producers can be idempotent is not known: {facts.idempotent.why}"
        yield unknown("broker", message, "allow this user IDEMPOTENT_WRITE on the cluster")
    elif not facts.idempotent:
        message = "producers cannot be idempotent: a send that is repeated may be stored twice (no answer changes)"
        yield warning("broker", message, "use Apache Kafka 0.11 or later")
    else:
        yield ok("broker", "idempotent producers")


def check_topics(facts: BrokerFacts, make: str) -> list[Finding]:
    """The topics exist, with room, time and replicas."""
    findings = []
    if missing := [topic for topic in ALL_TOPICS if topic not in facts.topics]:
        findings.append(error("topics", f"missing: {', '.join(missing)}", make))
    for topic, found in facts.topics.items():
        findings += _replicas(topic, found, facts.brokers)
    if isinstance(facts.configs, Unanswered):
        message = f"their retention is not known: {facts.configs.why}"
        findings.append(unknown("topics", message, "allow this user DESCRIBE_CONFIGS on the topics"))
    else:
        for topic, configs in facts.configs.items():
            findings += _configured(topic, configs, facts)
    return findings or [ok("topics", _summary(facts))]


def _replicas(topic: str, found: TopicFacts, brokers: int) -> Iterator[Finding]:
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


def _configured(topic: str, configs: Mapping[str, str], facts: BrokerFacts) -> Iterator[Finding]:
    alter = f"`kafka-configs.sh --bootstrap-server {facts.bootstrap} --alter --topic {topic} --add-config"
    retention = int(configs.get("retention.ms") or -1)
    if 0 <= retention < DAY_MS:
        message = f"{topic}: records are kept for {retention / DAY_MS * 24:.1f} h: an outage of a day would lose some"
        yield warning("topics", message, f"{alter} retention.ms={7 * DAY_MS}`")
    room = configs.get("max.message.bytes")
    if topic not in EVENT_TOPICS and room and int(room) < DEAD_LETTER_BYTES:
        message = f"{topic}: takes {int(room):,} bytes a record, a dead letter may have {DEAD_LETTER_BYTES:,}"
        yield warning("topics", message, f"{alter} max.message.bytes={DEAD_LETTER_BYTES}`")


def _summary(facts: BrokerFacts) -> str:
    partitions = sorted({found.partitions for found in facts.topics.values()})
    replication = sorted({found.replication for found in facts.topics.values()})
    configs = facts.configs if not isinstance(facts.configs, Unanswered) else {}
    kept = sorted({int(one["retention.ms"]) for one in configs.values() if one.get("retention.ms")})
    days = ", ".join("for ever" if ms < 0 else f"{ms / DAY_MS:g} days" for ms in kept) or "as the broker says"
    never = " (never trimmed by this broker)" if facts.in_memory else ""
    return (
        f"all {len(facts.topics)}: partitions {_either(partitions)}, replicas {_either(replication)}, "
        f"kept {days}{never}"
    )


def _either(numbers: list[int]) -> str:
    return " or ".join(map(str, numbers))


def check_group(group: GroupFacts | Unanswered, start: str) -> list[Finding]:
    """Somebody consumes."""
    if isinstance(group, Unanswered):
        remedy = "allow this user DESCRIBE on the group"
        return [unknown("group", f"the consumer group is not known: {group.why}", remedy)]
    if group.members == 0:
        return [error("group", f"{group.name}: nobody consumes (it is {group.state})", start)]
    if group.state not in ("Stable", ""):
        message = f"{group.name}: {group.members} members, {group.state}: partitions are being given out"
        return [warning("group", message, "`runtally doctor` again in a minute; else look into the consumers' logs")]
    return [ok("group", f"{group.name}: {group.members} member{'s' if group.members != 1 else ''}, stable")]


def check_lag(facts: BrokerFacts) -> list[Finding]:
    """What waits, topic by topic. The local broker's end offsets are short, and so the lag there."""
    if isinstance(facts.lag, Unanswered):
        return [unknown("lag", f"not known: {facts.lag.why}", "allow this user DESCRIBE on the group and the topics")]
    if not facts.lag:
        return [unknown("lag", "there is no topic to read", "make the topics first")]
    findings = [finding for topic, lag in facts.lag.items() for finding in _topic_lag(topic, lag, facts)]
    waiting = ", ".join(f"{topic} {lag.behind:,}" for topic, lag in facts.lag.items() if lag.behind) or "none"
    short = " (can be short: this broker tells the base of the last batch as its end)" if facts.in_memory else ""
    if sum(lag.behind for lag in facts.lag.values()) >= LONG_LAG:
        remedy = "wait if it shrinks; else more `runtally consume` processes (up to one a partition)"
        findings.append(warning("lag", f"records that wait: {waiting}{short}", remedy))
    else:
        findings.append(ok("lag", f"records that wait: {waiting}{short}"))
    return findings


def _topic_lag(topic: str, lag: TopicLag, facts: BrokerFacts) -> Iterator[Finding]:
    if lag.lost:
        message = f"{topic}: retention removed {lag.lost:,} records before they were read"
        yield error("lag", message, "publish them again from their source, and raise retention.ms of the topic")
    if lag.ahead and not facts.in_memory:
        group = facts.group.name if isinstance(facts.group, GroupFacts) else "runtally"
        message = f"{topic}: committed {lag.ahead:,} offsets beyond its end: it was made anew"
        remedy = (
            f"stop the consumers, then `kafka-consumer-groups.sh --bootstrap-server {facts.bootstrap} "
            f"--group {group} --topic {topic} --reset-offsets --to-earliest --execute`"
        )
        yield error("lag", message, remedy)
