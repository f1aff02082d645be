"""Where refused records are kept: the dead-letter topics, behind a started producer."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from runtally_consumer.dead_letters import DeadLetter
from runtally_consumer.failures import DeadLetterTopicUnavailable
from runtally_consumer.kafka_errors import NEEDS_PERSON, told
from runtally_consumer.topics import DEAD_LETTER_BYTES

# A topic made by somebody else may take less than ours do: Kafka's own limit is a MiB.
LETTER_BYTES = (DEAD_LETTER_BYTES - 64 * 1024, 900 * 1024, 64 * 1024)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
DEAD_LETTER_SECONDS = 30.0


class KafkaDeadLetterTopic:
    """The dead-letter topics behind a started producer.

    The producer must not be idempotent: aiokafka's idempotent one never gives up a record, so it cannot be
    stopped while the broker is away, and a refusal leaves a hole in its sequence that refuses all that follow.
    """

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        """Returns once all are acknowledged. Raises `DeadLetterTopicUnavailable`."""
        try:
            async with asyncio.timeout(DEAD_LETTER_SECONDS):
                await asyncio.gather(*(self._publish(letter) for letter in letters))
        except (KafkaError, OSError, TimeoutError) as error:
            lasting = isinstance(error, (*NEEDS_PERSON, *_TOO_LARGE))
            raise DeadLetterTopicUnavailable(f"dead-letter topic: {told(error)}", needs_person=lasting) from error

    async def _publish(self, letter: DeadLetter) -> None:
        """Whole if the topic takes it, else cut to ever less: one record must not hold up all that follow."""
        for most_bytes in LETTER_BYTES:
            message = letter.as_message(most_bytes)
            try:
                acknowledged = await self._producer.send(
                    letter.topic, value=message.value, key=message.key, headers=message.headers
                )
                await acknowledged
                return
            except _TOO_LARGE:
                if most_bytes == LETTER_BYTES[-1]:
                    raise
