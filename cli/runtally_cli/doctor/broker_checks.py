"""Broker, topics, consumer group and lag, judged."""

from collections.abc import Iterator
from typing import Final

from runtally_clickhouse.findings import Finding, error, ok, unknown, warning
from runtally_consumer.topic_checks import check_keeping
from runtally_consumer.topic_facts import Keeping
from runtally_consumer.topics import ALL_TOPICS

from runtally_cli.doctor.broker_facts import BrokerFacts, GroupFacts, TopicLag
from runtally_cli.doctor.unanswered import Unanswered

DAY_MS: Final = 24 * 60 * 60 * 1000
LONG_LAG: Final = 100_000
_ONCE_IT_ANSWERS: Final = "mend the broker, then `runtally doctor` again"


def check_broker(
    facts: BrokerFacts | Unanswered, bootstrap: str, *, named: bool, outage_budget_hours: float
) -> list[Finding]:
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
        *check_topics(
            facts, "`runtally migrate`" if named else "`runtally down`, then `runtally up`", outage_budget_hours
        ),
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


def check_topics(facts: BrokerFacts, make: str, outage_budget_hours: float) -> list[Finding]:
    """The topics exist, with room, time and replicas."""
    findings = []
    if missing := [topic for topic in ALL_TOPICS if topic not in facts.topics]:
        findings.append(error("topics", f"missing: {', '.join(missing)}", make))
    if isinstance(facts.configs, Unanswered):
        message = f"their retention is not known: {facts.configs.why}"
        findings.append(unknown("topics", message, "allow this user DESCRIBE_CONFIGS on the topics"))
    if isinstance(facts.of_brokers, Unanswered):
        message = f"how long offsets are kept is not known: {facts.of_brokers.why}"
        findings.append(unknown("topics", message, "allow this user DESCRIBE_CONFIGS on the cluster"))
    keeping = Keeping(
        facts.bootstrap,
        facts.brokers,
        facts.topics,
        {} if isinstance(facts.configs, Unanswered) else facts.configs,
        {} if isinstance(facts.of_brokers, Unanswered) else facts.of_brokers,
    )
    findings += check_keeping(keeping, outage_budget_hours)
    return findings or [ok("topics", _summary(facts))]


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
