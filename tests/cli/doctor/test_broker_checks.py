"""Broker, topics, group and lag, example by example."""

from dataclasses import replace

import pytest
from cli.doctor.examples import HEALTHY, IN_MEMORY, bad, the_bad_one
from runtally_cli.doctor.broker_checks import LONG_LAG, check_broker
from runtally_cli.doctor.broker_facts import BrokerFacts, GroupFacts, TopicLag, partition_lag
from runtally_cli.doctor.unanswered import Unanswered
from runtally_clickhouse.findings import Finding, Level
from runtally_consumer.topic_facts import TopicFacts


def _findings(facts: BrokerFacts | Unanswered, *, named: bool = True) -> list[Finding]:
    return check_broker(facts, "kafka:9092", named=named, outage_budget_hours=24)


@pytest.mark.parametrize("facts", [HEALTHY, IN_MEMORY], ids=["cluster", "in memory"])
def test_a_healthy_one_has_nothing_to_mend(facts: BrokerFacts) -> None:
    assert bad(_findings(facts)) == []
    assert {finding.area for finding in _findings(facts)} == {"broker", "topics", "group", "lag"}


@pytest.mark.parametrize(("named", "remedy"), [(True, "RUNTALLY_KAFKA_BOOTSTRAP"), (False, "`runtally up`")])
def test_a_broker_that_is_away_leaves_the_rest_unknown(named: bool, remedy: str) -> None:
    findings = _findings(Unanswered("connection refused"), named=named)

    assert findings[0].level is Level.ERROR
    assert "connection refused" in findings[0].message
    assert remedy in findings[0].remedy
    assert {(finding.area, finding.level) for finding in findings[1:]} == {
        (area, Level.UNKNOWN) for area in ("topics", "group", "lag")
    }


def test_only_the_local_broker_may_lack_idempotence() -> None:
    finding = the_bad_one(_findings(replace(HEALTHY, idempotent=False)))

    assert finding.level is Level.WARNING
    assert "Apache Kafka" in finding.remedy


def test_a_cluster_without_an_id_is_told() -> None:
    assert the_bad_one(_findings(replace(HEALTHY, cluster_id=""))).level is Level.WARNING


def test_one_replica_on_several_brokers_is_a_warning_and_on_one_is_not() -> None:
    alone = {**HEALTHY.topics, "agent-runs.v1": TopicFacts(12, 1)}

    finding = the_bad_one(_findings(replace(HEALTHY, topics=alone)))

    assert finding.level is Level.WARNING
    assert "--replication 3" in finding.remedy
    assert bad(_findings(replace(HEALTHY, topics=alone, brokers=1))) == []


@pytest.mark.parametrize(
    ("topic", "level"),
    [(TopicFacts(12, 3, leaderless=2), Level.ERROR), (TopicFacts(12, 3, under_replicated=1), Level.WARNING)],
)
def test_partitions_that_lack_a_broker_are_told(topic: TopicFacts, level: Level) -> None:
    assert the_bad_one(_findings(replace(HEALTHY, topics={**HEALTHY.topics, "agent-runs.v1": topic}))).level is level


@pytest.mark.parametrize(("named", "remedy"), [(True, "`runtally migrate`"), (False, "`runtally up`")])
def test_missing_topics_are_an_error(named: bool, remedy: str) -> None:
    topics = {name: facts for name, facts in HEALTHY.topics.items() if name != "agent-feedback.v1.dlq"}

    finding = the_bad_one(_findings(replace(HEALTHY, topics=topics), named=named))

    assert finding.level is Level.ERROR
    assert "agent-feedback.v1.dlq" in finding.message
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("topic", "configs", "remedy"),
    [
        ("agent-runs.v1", {"retention.ms": "3600000"}, "retention.ms=604800000"),
        ("agent-runs.v1", {"retention.ms": "-1", "retention.bytes": "1000000"}, "retention.bytes=-1"),
        ("agent-runs.v1", {"retention.ms": "-1", "min.insync.replicas": "1"}, "min.insync.replicas=2"),
        ("agent-runs.v1", {"retention.ms": "-1", "min.insync.replicas": "3"}, "min.insync.replicas=2"),
        ("agent-runs.v1.dlq", {"retention.ms": "-1", "max.message.bytes": "1048588"}, "max.message.bytes=4194304"),
    ],
)
def test_too_little_time_or_room_is_a_warning_with_the_command(
    topic: str, configs: dict[str, str], remedy: str
) -> None:
    assert not isinstance(HEALTHY.configs, Unanswered)

    finding = the_bad_one(_findings(replace(HEALTHY, configs={**HEALTHY.configs, topic: configs})))

    assert finding.level is Level.WARNING
    assert topic in finding.remedy
    assert remedy in finding.remedy


def test_offsets_that_are_kept_for_less_than_an_outage_are_a_warning() -> None:
    short = replace(HEALTHY, of_brokers={"offsets.retention.minutes": "60"})

    assert "offsets.retention.minutes" in the_bad_one(_findings(short)).remedy
    assert bad(_findings(replace(HEALTHY, of_brokers={"offsets.retention.minutes": "10080"}))) == []


def test_how_long_an_outage_may_last_is_for_the_reader_to_say() -> None:
    found = check_broker(HEALTHY, "kafka:9092", named=True, outage_budget_hours=8 * 24)

    assert [finding.level for finding in bad(found)] == [Level.WARNING] * len(HEALTHY.topics)
    assert all("retention.ms=691200000" in finding.remedy for finding in bad(found))


def test_a_topic_that_keeps_for_ever_keeps_long_enough() -> None:
    assert not isinstance(HEALTHY.configs, Unanswered)
    for_ever = {**HEALTHY.configs, "agent-runs.v1": {"retention.ms": "-1"}}

    assert bad(_findings(replace(HEALTHY, configs=for_ever))) == []


@pytest.mark.parametrize("part", ["idempotent", "configs", "group", "lag", "of_brokers"])
def test_one_question_without_an_answer_leaves_the_others(part: str) -> None:
    spoilt: dict[str, Unanswered] = {part: Unanswered("not authorized")}

    finding = the_bad_one(_findings(replace(HEALTHY, **spoilt)))  # type: ignore[arg-type]  # one field by its name

    assert finding.level is Level.UNKNOWN
    assert "not authorized" in finding.message


@pytest.mark.parametrize(
    ("group", "level"),
    [
        (GroupFacts("runtally", "Dead", 0), Level.ERROR),
        (GroupFacts("runtally", "Empty", 0), Level.ERROR),
        (GroupFacts("runtally", "PreparingRebalance", 2), Level.WARNING),
    ],
)
def test_a_group_that_does_not_consume_is_told(group: GroupFacts, level: Level) -> None:
    assert the_bad_one(_findings(replace(HEALTHY, group=group))).level is level


def test_the_lag_is_told_by_topic_and_a_long_one_is_a_warning() -> None:
    short = _findings(replace(HEALTHY, lag={"agent-runs.v1": TopicLag(1_234), "user-activity.v1": TopicLag(0)}))
    long = _findings(replace(HEALTHY, lag={"agent-runs.v1": TopicLag(LONG_LAG)}))

    assert bad(short) == []
    assert "agent-runs.v1 1,234" in short[-1].message
    assert the_bad_one(long).level is Level.WARNING


def test_the_lag_of_the_local_broker_is_said_to_be_short() -> None:
    (lag,) = (finding for finding in _findings(IN_MEMORY) if finding.area == "lag")

    assert "can be short" in lag.message


def test_what_retention_took_unread_is_an_error() -> None:
    finding = the_bad_one(_findings(replace(HEALTHY, lag={"agent-runs.v1": TopicLag(5, lost=7)})))

    assert finding.level is Level.ERROR
    assert "7 records" in finding.message


def test_offsets_beyond_the_end_mean_another_topic_but_not_on_the_local_broker() -> None:
    ahead = {"agent-runs.v1": TopicLag(0, ahead=3)}

    assert "--reset-offsets" in the_bad_one(_findings(replace(HEALTHY, lag=ahead))).remedy
    assert bad(_findings(replace(IN_MEMORY, lag=ahead))) == []


@pytest.mark.parametrize(
    ("committed", "begin", "end", "lag"),
    [
        (-1, 0, 0, TopicLag(0)),
        (-1, 10, 15, TopicLag(5)),
        (12, 10, 15, TopicLag(3)),
        (15, 10, 15, TopicLag(0)),
        (4, 10, 15, TopicLag(5, lost=6)),
        (20, 0, 15, TopicLag(0, ahead=5)),
    ],
)
def test_the_offsets_of_a_partition(committed: int, begin: int, end: int, lag: TopicLag) -> None:
    assert partition_lag(committed, begin, end) == lag
