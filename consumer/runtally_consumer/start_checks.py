"""What the consumer says about the brokers as it starts: nothing there is a reason not to start."""

from collections.abc import Sequence

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection
from runtally.streams import LOCAL_PREFIX
from runtally_clickhouse.findings import Finding, Level, unknown

from runtally_consumer.topic_checks import check_keeping
from runtally_consumer.topic_facts import Keeping, broker_configs, topic_configs, topic_facts
from runtally_consumer.topics import ALL_TOPICS

log = structlog.get_logger(__name__)


async def examine_keeping(
    connection: KafkaConnection, cluster_id: str, outage_budget_hours: float
) -> Sequence[Finding]:
    """How the brokers keep records and offsets. The local broker trims nothing, and is one: it has no findings."""
    if cluster_id.startswith(LOCAL_PREFIX):
        return []
    admin = AIOKafkaAdminClient(**connection.client_options())
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        described = await admin.describe_topics()
        topics = {one["topic"]: topic_facts(one) for one in described if one["topic"] in ALL_TOPICS}
        keeping = Keeping(
            bootstrap=connection.bootstrap,
            brokers=len(cluster["brokers"]),
            topics=topics,
            configs=await topic_configs(admin, sorted(topics)),
            of_brokers=await broker_configs(admin, cluster["brokers"][0]["node_id"]),
        )
    except (KafkaError, OSError) as error:
        message = f"how long the brokers keep records is not known: {type(error).__name__}: {error}"
        return [unknown("topics", message, "allow this user DESCRIBE_CONFIGS on the topics and the cluster")]
    finally:
        await admin.close()
    return list(check_keeping(keeping, outage_budget_hours))


def log_findings(findings: Sequence[Finding]) -> None:
    """What is not as it should be, each with its remedy."""
    for finding in findings:
        if finding.level is not Level.OK:
            level = log.error if finding.level is Level.ERROR else log.warning
            level(finding.message, area=finding.area, remedy=finding.remedy)
