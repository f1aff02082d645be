"""The broker that the tests share, of whichever kind."""

import os
import time
from dataclasses import dataclass
from typing import Final, Protocol

from backends import containers
from backends.plan import Choice, Demand, Kind, choose
from backends.server_session import ServerSession, Started, Stoppable
from runtally_cli.local import kafka_distribution, ports
from runtally_cli.local.kafka import QUICK_TO_NOTICE, KafkaBroker, KafkaOptions
from runtally_cli.local.tansu import TansuBroker

KAFKA_VARIABLE: Final = "RUNTALLY_TEST_KAFKA_BOOTSTRAP"


@dataclass(frozen=True)
class KafkaBackend:
    """A broker that answers. Others use it too: take topic and group names from `unique`."""

    bootstrap: str
    kind: Kind

    @property
    def idempotent(self) -> bool:
        """Whether it has idempotent and transactional producers; the local broker has neither."""
        return self.kind != "local"


def choose_kafka(demand: Demand) -> Choice:
    """Raises BackendMissing when a demanded one can't be had."""
    named = KAFKA_VARIABLE if os.environ.get(KAFKA_VARIABLE) else None
    return choose(
        demand,
        named=named,
        container=containers.why_unavailable,
        native=kafka_distribution.why_unavailable,
    )


def shared_kafka(session: ServerSession, demand: Demand) -> KafkaBackend:
    """The run's broker, started by the first who asks."""
    choice = choose_kafka(demand)
    # A container ends with the process that started it, so every process has its own.
    name = f"kafka@{session.worker}" if choice.kind == "container" else "kafka"
    started = session.share(name, lambda: _start(session, demand, choice))
    return KafkaBackend(started.address, started.kind)


class _Startable(Protocol):
    def start(self) -> None: ...


def _start(session: ServerSession, demand: Demand, choice: Choice) -> tuple[Started, Stoppable | None]:
    if choice.kind == "named":
        address = os.environ[KAFKA_VARIABLE]
        return Started("named", address, f"named by {KAFKA_VARIABLE}, {address}"), None
    if choice.kind == "container":
        container = containers.KafkaContainer()
        container.start()
        return Started("container", container.bootstrap, f"container, {container.bootstrap}"), container
    if choice.kind == "local":
        return _start_local(session, choice.because)
    try:
        return _start_native(session)
    except kafka_distribution.KafkaUnavailable as error:
        if demand is Demand.NATIVE:
            raise
        return _start_local(session, str(error).splitlines()[0])


def _start_native(session: ServerSession) -> tuple[Started, Stoppable | None]:
    options = KafkaOptions(properties=QUICK_TO_NOTICE, lifeline=session.lifeline)
    broker = KafkaBroker(session.folder / "kafka", ports.pick_free(), options)
    seconds = _timed_start(broker)
    told = f"native, Apache Kafka {kafka_distribution.KAFKA_VERSION} in {seconds:.1f} s by {session.worker}"
    return Started("native", broker.bootstrap, told, broker.pid), broker


def _start_local(session: ServerSession, because: str) -> tuple[Started, Stoppable | None]:
    broker = TansuBroker(session.folder / "tansu", ports.pick_free(), lifeline=session.lifeline)
    seconds = _timed_start(broker)
    told = f"local, Tansu in {seconds:.1f} s by {session.worker} ({because})"
    return Started("local", broker.bootstrap, told, broker.pid), broker


def _timed_start(server: _Startable) -> float:
    before = time.monotonic()
    server.start()
    return time.monotonic() - before
