"""The whole of Runtally in server mode, every part a process, every connection of the consumers through a proxy."""

import logging
import random
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from backends.clickhouse_native import answers_ping
from backends.last_words import told_on_failure
from backends.supervised_store import SupervisedStore
from backends.waiting import eventually
from chaos.fleet import PARTITIONS, POISON_AGENT, Fleet
from chaos.kafka_cluster import KafkaCluster
from chaos.loop_thread import LoopThread
from chaos.members import Doom, Member, Service, answers_live, answers_ready
from chaos.proxy import FaultProxy
from chaos.reader import Reader
from chaos.settling import Settled, require_proven, settle
from integration.stacks import RUNTALLY, free_ports
from runtally_cli.local import ports
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation

DATABASE: Final = "chaos"
GROUP: Final = "chaos"
ANSWER_SECONDS: Final = 60.0
CONSUMER: Final[Mapping[str, str]] = {
    "RUNTALLY_CONSUMER_GROUP": GROUP,
    "RUNTALLY_LINGER_MS": "50",
    "RUNTALLY_BATCH_ROWS": "200",
    "RUNTALLY_SESSION_TIMEOUT_MS": "1000",
    "RUNTALLY_DRAIN_SECONDS": "5",
    # Rollups are made all the time, so that readers meet them in every state.
    "RUNTALLY_ROLLUP_HOT_SECONDS": "1",
    "RUNTALLY_ROLLUP_SHARE": "0.5",
    "RUNTALLY_ROLLUP_KEEP_SECONDS": "60",
}
API: Final[Mapping[str, str]] = {"RUNTALLY_ROLLUP_ROWS": "0"}


@dataclass
class Story:
    """One fleet, and the reader who asks about it all the while."""

    pipeline: "Pipeline"
    fleet: Fleet
    reader: Reader

    def begin(self, runs_at_once: int, bad_share: float) -> None:
        """Load, until the first answer about it."""
        self.fleet.start_load(runs_at_once, bad_share)
        with self.pipeline.told_on_failure():
            eventually(
                lambda: self.reader.answers > 0,
                ANSWER_SECONDS,
                "a first answer",
                lambda: f"{self.reader.unanswered} unanswered, the newest for {self.reader.newest_outage}",
            )

    def settle(self, *, prove: bool = True) -> Settled:
        """The load ends, everything arrives, every answer is exact, and `verify` proves it. Fails when not."""
        self.fleet.stop_load()
        pipeline = self.pipeline
        with pipeline.told_on_failure():
            settled = settle(pipeline.store, pipeline.api_url, pipeline.environment, self.fleet, self.reader)
            if prove:
                require_proven(pipeline.environment)
        return replace(settled, store_crashes=pipeline.clickhouse.take_crashes())


class Pipeline:
    """Brokers, store, API and members. Use it as a context: at its end no process is left."""

    def __init__(self, folder: Path, rng: random.Random, brokers: int = 1) -> None:
        self._folder = folder
        self.rng = rng
        self._brokers = brokers
        self._exit = ExitStack()
        self.members: list[Member] = []
        self._started = 0

    def __enter__(self) -> "Pipeline":
        with ExitStack() as stack:
            for library in map(logging.getLogger, ("aiokafka", "clickhouse_connect", "urllib3")):
                stack.callback(library.setLevel, library.level)
                library.setLevel(logging.CRITICAL)  # they tell of every fault that they meet
            self.thread = LoopThread("chaos")
            stack.callback(self.thread.close)
            self.cluster = KafkaCluster(self._folder, self.thread, self.rng, self._brokers)
            stack.callback(self.cluster.close)
            self.cluster.start()
            self.clickhouse = SupervisedStore(self._folder / "clickhouse")
            stack.callback(self.clickhouse.close)
            self.clickhouse.start()
            self.store_proxy = FaultProxy(self.thread, self.clickhouse.http_port, self.rng)
            stack.callback(self.store_proxy.close)
            self.environment = self._environment(self.cluster.bootstrap, self.clickhouse.http_port)
            self._migrate()
            self.store = Store(StoreLocation.server(self.environment["RUNTALLY_CLICKHOUSE_URL"]))
            stack.callback(self.store.close)
            self.store.command(f"ALTER TABLE agent_runs ADD CONSTRAINT fits CHECK agent_id != '{POISON_AGENT}'")
            self._start_api(stack)
            stack.callback(self._stop_members)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._exit.close()

    def on_exit(self, end: Callable[[], object]) -> None:
        self._exit.callback(end)

    def _stop_members(self) -> None:
        for member in self.members:
            member.stop()

    def member(self, doom: Doom | None = None, store_proxy: FaultProxy | None = None, *, wait: bool = True) -> Member:
        """One more consumer in the group. With `wait`, returns once it has partitions."""
        self._started += 1
        proxy = store_proxy or self.store_proxy
        environment = self._environment(self.cluster.proxied_bootstrap, proxy.port)
        environment |= {**CONSUMER, "RUNTALLY_CONSUMER_PORT": str(ports.pick_free())}
        member = Member(environment, self._folder / f"member-{self._started}.log", doom)
        self.members.append(member)
        member.start(answers_ready if wait else answers_live if doom is None else lambda port: True)
        return member

    @property
    def living(self) -> list[Member]:
        return [member for member in self.members if member.is_alive]

    @contextmanager
    def story(self, workspace: str) -> Iterator[Story]:
        fleet = Fleet(self.cluster.bootstrap, workspace, self.thread, self.rng)
        reader = Reader(self.api_url, self.store, fleet)
        reader.start()
        try:
            yield Story(self, fleet, reader)
        finally:
            try:
                fleet.stop_load()
            finally:
                reader.stop()

    def told_on_failure(self) -> AbstractContextManager[None]:
        """How every part ended up goes to the test's output, for whoever reads why a story failed."""

        def store() -> str:
            return f"--- clickhouse: pid {self.clickhouse.pid}, answers: {answers_ping(self.clickhouse.http_port)}\n"

        return told_on_failure(self._folder, store)

    def _environment(self, bootstrap: str, store_port: int) -> dict[str, str]:
        return {
            **free_ports(self._folder),
            "RUNTALLY_KAFKA_BOOTSTRAP": bootstrap,
            "RUNTALLY_CLICKHOUSE_URL": f"http://{ports.LOOPBACK}:{store_port}/{DATABASE}",
            "RUNTALLY_CONSUMER_GROUP": GROUP,
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }

    def _migrate(self) -> None:
        arguments = ["migrate", "--partitions", str(PARTITIONS), "--replication", str(self._brokers)]
        done = subprocess.run(
            [*RUNTALLY, *arguments], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _start_api(self, stack: ExitStack) -> None:
        port = int(self.environment["RUNTALLY_API_PORT"])
        api = Service("api", [*RUNTALLY, "api"], port, {**self.environment, **API}, self._folder / "api.log")
        stack.callback(api.stop)
        api.start(answers_ready)
        self.api_url = f"http://{ports.LOOPBACK}:{port}"


def wait_killed(member: Member, seconds: float = 90.0) -> None:
    """Until it has died of SIGKILL; any other end fails the test."""
    eventually(lambda: not member.is_alive, seconds, f"the kill at {member.doom}")
    assert member.stop() == -signal.SIGKILL, member.told()
