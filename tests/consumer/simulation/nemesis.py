"""What goes wrong in a story: drawn faults at drawn moments, each for a drawn while."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from consumer.simulation.store import CODES, StoreFaults, TopicFaults
from consumer.simulation.world import Member, World
from runtally_consumer.failures import DATA_CODES

LONGEST_SECONDS = 6.0
TABLES = (
    None,
    None,
    frozenset({"agent_runs"}),
    frozenset({"bucket_changes"}),
    frozenset({"dead_letters"}),
    frozenset({"ingest_ledger"}),
)


class Nemesis:
    """Each method is one kind of fault; most end by themselves."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._draws = world.draws
        self._rows_were_refused = False
        self.counts: dict[str, int] = {}
        self._kinds: list[Callable[[], None]] = [
            self.store_away,
            self.store_refuses,
            self.answers_lost,
            self.inserts_late,
            self.store_hangs,
            self.letters_fail,
            self.broker_away,
            self.commits_fail,
            self.polls_fail,
            self.source_breaks,
            self.member_joins,
            self.member_joins,
            self.member_leaves,
            self.member_killed,
            self.member_killed,
            self.member_stopped,
            self.member_stopped,
            self.wall_clock_jumps,
        ]

    def strike(self) -> None:
        """Something goes wrong now."""
        kind = self._draws.choice(self._kinds)
        self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1
        self._world.tell(kind.__name__)
        kind()

    def relent(self) -> None:
        """Nothing goes wrong any more: the stopped go on, and somebody new joins."""
        world = self._world
        world.tell("no more faults")
        self._heal()
        for member in world.alive:
            world.loop.continue_process(member.process)
        world.join()

    def store_away(self) -> None:
        self._set_store(away=self._draws.choice([0.5, 1.0]))

    def store_refuses(self) -> None:
        """Data codes for everything and only once a story: to refuse a good row now and then is to call it bad."""
        code = self._draws.choice(CODES)
        if code not in DATA_CODES:
            self._set_store(refused=self._draws.choice([0.5, 1.0]), code=code)
        elif not self._rows_were_refused:
            self._rows_were_refused = True
            self._set_store(refused=1.0, code=code)

    def answers_lost(self) -> None:
        self._set_store(answer_lost=self._draws.choice([0.3, 1.0]))

    def inserts_late(self) -> None:
        self._set_store(late=self._draws.choice([0.3, 1.0]), latency_seconds=1.0)

    def store_hangs(self) -> None:
        self._set_store(hanging=self._draws.choice([0.3, 1.0]))

    def letters_fail(self) -> None:
        share = self._draws.choice([0.5, 1.0])
        name = self._draws.choice(["away", "answer_lost", "partly", "hanging"])
        self._world.dead_letters.faults = replace(TopicFaults(), **{name: share})
        self._later(self._heal_topic)

    def broker_away(self) -> None:
        self._world.broker.faults.is_away = True
        self._later(self._heal_broker)

    def commits_fail(self) -> None:
        name = self._draws.choice(["commits_refused", "commits_lost", "answers_lost"])
        setattr(self._world.broker.faults, name, self._draws.choice([0.5, 1.0]))
        self._later(self._heal_broker)

    def polls_fail(self) -> None:
        self._world.broker.faults.polls_fail = self._draws.choice([0.5, 1.0])
        self._later(self._heal_broker)

    def source_breaks(self) -> None:
        for member in self._one():
            member.source.is_broken = True

    def member_joins(self) -> None:
        if len(self._world.alive) < 4:
            self._world.join()

    def member_leaves(self) -> None:
        for member in self._one():
            member.consumer.stop()

    def member_killed(self) -> None:
        for member in self._one():
            self._world.loop.kill_process(member.process)
            self._world.tell(f"{member.process.name} is killed")

    def member_stopped(self) -> None:
        for member in self._one():
            self._world.loop.stop_process(member.process)
            self._later(partial(self._world.loop.continue_process, member.process))

    def wall_clock_jumps(self) -> None:
        self._world.wall_clock_ahead += timedelta(days=self._draws.choice([-1, 1]))

    def _one(self) -> list[Member]:
        """One member, if there is any."""
        alive = self._world.alive
        return [self._draws.choice(alive)] if alive else []

    def _set_store(self, **faults: float) -> None:
        settled = replace(StoreFaults(tables=self._draws.choice(TABLES)), **faults)  # type: ignore[arg-type]  # as named
        self._world.store.faults = settled
        self._later(self._heal_store)

    def _later(self, heal: Callable[[], None]) -> None:
        self._world.loop.call_elsewhere(self._draws.random() * LONGEST_SECONDS, heal)

    def _heal(self) -> None:
        self._heal_store()
        self._heal_topic()
        self._heal_broker()

    def _heal_store(self) -> None:
        self._world.store.faults = StoreFaults()

    def _heal_topic(self) -> None:
        self._world.dead_letters.faults = TopicFaults()

    def _heal_broker(self) -> None:
        faults = self._world.broker.faults
        faults.is_away = False
        faults.commits_refused = faults.commits_lost = faults.answers_lost = faults.polls_fail = 0.0
