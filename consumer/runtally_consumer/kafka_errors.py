"""What the Kafka client's errors mean, and how they are told."""

from aiokafka.errors import (
    AuthenticationFailedError,
    BrokerResponseError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)

# Waiting does not help: somebody has to grant the right, or mend the password.
NEEDS_PERSON: tuple[type[BrokerResponseError | KafkaError], ...] = (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
