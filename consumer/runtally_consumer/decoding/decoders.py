"""Which decoder and which table each topic has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from runtally.events import AgentLifecycle, Event, RunFeedback, RunSnapshot, UserActivity

from runtally_consumer.decoding.batch import Decoded
from runtally_consumer.decoding.reference import decode_by_model
from runtally_consumer.decoding.runs import decode_runs
from runtally_consumer.decoding.schemas import AGENT_FEEDBACK, AGENT_LIFECYCLE, AGENT_RUNS, USER_ACTIVITY


@dataclass(frozen=True, slots=True)
class Decoder:
    """How the messages of one topic become rows of one table.

    `decode` is pure: no I/O, no clock; equal values give equal results. It never raises for what a message
    holds, and keeps no reference to the values.
    """

    model: type[Event]
    table: str
    schema: pa.Schema
    decode: Callable[[Sequence[bytes | None]], Decoded]

    @property
    def topic(self) -> str:
        """The topic whose messages this decodes."""
        return self.model.topic


decode_feedback = partial(decode_by_model, RunFeedback, AGENT_FEEDBACK)
decode_lifecycle = partial(decode_by_model, AgentLifecycle, AGENT_LIFECYCLE)
decode_activity = partial(decode_by_model, UserActivity, USER_ACTIVITY)

DECODERS: Mapping[str, Decoder] = {
    decoder.topic: decoder
    for decoder in (
        Decoder(RunSnapshot, "agent_runs", AGENT_RUNS, decode_runs),
        Decoder(RunFeedback, "agent_feedback", AGENT_FEEDBACK, decode_feedback),
        Decoder(AgentLifecycle, "agent_lifecycle", AGENT_LIFECYCLE, decode_lifecycle),
        Decoder(UserActivity, "user_activity", USER_ACTIVITY, decode_activity),
    )
}
