"""Runtally for agent fleets: the message contract (`events`) and the emitter that publishes it."""

from runtally.clock import Clock
from runtally.connection import InvalidConnection, KafkaConnection
from runtally.context import current_run, session
from runtally.emitter import EmitterStats, RunEmitter
from runtally.events import AgentLifecycle, RunFeedback, RunSnapshot, UserActivity
from runtally.http_transport import HttpTransport
from runtally.kafka_transport import KafkaTransport
from runtally.memory_transport import MemoryTransport
from runtally.run import Run
from runtally.settings import EmitterSettings, InvalidSettings
from runtally.transport import Receipt, Record, Refusal, Transport, TransportUnavailable
from runtally.violations import InvalidEvent, Violation

__all__ = [
    "AgentLifecycle",
    "Clock",
    "EmitterSettings",
    "EmitterStats",
    "HttpTransport",
    "InvalidConnection",
    "InvalidEvent",
    "InvalidSettings",
    "KafkaConnection",
    "KafkaTransport",
    "MemoryTransport",
    "Receipt",
    "Record",
    "Refusal",
    "Run",
    "RunEmitter",
    "RunFeedback",
    "RunSnapshot",
    "Transport",
    "TransportUnavailable",
    "UserActivity",
    "Violation",
    "current_run",
    "session",
]
