"""What the consumer says about the brokers as it starts."""

import asyncio

from backends.kafka_backend import KafkaBackend
from runtally.connection import KafkaConnection
from runtally.streams import LOCAL_PREFIX, present_streams
from runtally_consumer.start_checks import examine_keeping, log_findings
from runtally_consumer.topics import TopicLayout, create_topics
from structlog.testing import capture_logs


def test_how_a_broker_keeps_records_is_judged_by_the_outage_budget(kafka: KafkaBackend) -> None:
    connection = KafkaConnection(kafka.bootstrap)

    async def story() -> None:
        await create_topics(connection, TopicLayout(partitions=3))
        cluster_id = (await present_streams(connection, [])).cluster_id
        findings = await examine_keeping(connection, cluster_id, 24)
        assert [finding for finding in findings if "retention" in finding.remedy] == []
        longer = await examine_keeping(connection, cluster_id, 100 * 24)
        if cluster_id.startswith(LOCAL_PREFIX):
            assert longer == []  # it trims nothing, whatever it says
            return
        told = " ".join(finding.remedy for finding in longer)
        assert "--topic agent-runs.v1 --add-config retention.ms=8640000000" in told
        assert "--topic agent-runs.v1.dlq --add-config retention.ms=8640000000" in told
        assert "offsets.retention.minutes" in told
        with capture_logs() as logs:
            log_findings(longer)
        assert {(line["log_level"], line["area"]) for line in logs} == {("warning", "topics")}
        assert all(line["remedy"] for line in logs)

    asyncio.run(story())
