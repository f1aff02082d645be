"""Whoever wants the pipeline to be wrong: the faults, each as one act, counted."""

import random
import signal
import threading
from collections.abc import Callable, Sequence

from chaos import wire
from chaos.facts import Facts
from chaos.kill_points import OF_ROLLUPS, ON_THE_WIRE, KillPoint
from chaos.members import Doom, Member
from chaos.pipeline import Pipeline
from chaos.proxy import FAIR, FaultProxy, Weather

FEWEST, MOST = 1, 5
CUT_WITHIN_BYTES = 60_000
DOOM_TURNS, DOOM_TURN_SECONDS = 100, 0.25


class Nemesis:
    """Each act lasts as long as it is told, leaves the servers up and the sky clear, and a member alive."""

    def __init__(self, pipeline: Pipeline, rng: random.Random, facts: Facts) -> None:
        self._pipeline = pipeline
        self._rng = rng
        self._facts = facts

    def draw(self) -> tuple[str, Callable[[], None]]:
        """An act, its name and what does it, all of it drawn now."""
        seconds = self._rng.uniform(0.2, 4.0)
        weather = self._rng.choice(self.every_weather())
        told = ", ".join(f"{name}={value}" for name, value in vars(weather).items() if value != getattr(FAIR, name))
        point = self._rng.choice(list(KillPoint))
        acts: Sequence[tuple[str, Callable[[], None]]] = [
            ("join", self.join),
            ("leave", self.leave),
            ("kill a member", self.kill_member),
            (f"kill at {point}", lambda: self.kill_at(point)),
            (f"kill at {point}", lambda: self.kill_at(point)),
            (f"freeze {seconds:.1f} s", lambda: self.freeze(seconds)),
            (f"broker down {seconds:.1f} s", lambda: self.break_broker(seconds)),
            (f"all brokers down {seconds:.1f} s", lambda: self.break_all_brokers(seconds)),
            (f"store down {seconds:.1f} s", lambda: self.break_store(seconds)),
            (f"store flaps {seconds:.1f} s", lambda: self.flap_store(seconds)),
            (f"store network {told}", lambda: self.spoil_store_network(weather, seconds)),
            (f"broker network {told}", lambda: self.spoil_broker_network(weather, seconds)),
        ]
        return self._rng.choice(acts)

    def every_weather(self) -> list[Weather]:
        cut = self._rng.randrange(CUT_WITHIN_BYTES)
        return [
            Weather(delay_seconds=(0.0, 0.3)),
            Weather(bytes_per_second=2_000),
            Weather(bytes_per_second=1),
            Weather(cut_upward=cut),
            Weather(cut_downward=cut // 20),
            Weather(lost_answers=2),
            Weather(silent=True),
            Weather(refusing=True),
        ]

    def join(self) -> None:
        if len(self._pipeline.living) < MOST:
            self._pipeline.member()
            self._facts.count("members joined", 1)

    def leave(self) -> None:
        if len(self._pipeline.living) > FEWEST:
            self.stop_someone()

    def stop_someone(self) -> None:
        member = self._someone()
        assert member.stop() == 0, member.told()
        self._facts.count("members told to leave", 1)

    def kill_member(self) -> None:
        self._someone().kill()
        self._facts.count("kills at any moment", 1)
        self._leave_someone()

    def kill_at(self, point: KillPoint) -> None:
        """A member that dies there if it comes there; what it takes to bring it there happens too."""
        if point in OF_ROLLUPS:  # the doomed one alone then owns partition 0
            while self._pipeline.living:
                self.stop_someone()
        if point in ON_THE_WIRE:
            doomed = wire.doomed_member(self._pipeline, point)
        else:
            doom = Doom(point, self._rng.randrange(1, 6), self._rng.uniform(0.0, 0.02))
            doomed = self._pipeline.member(doom, wait=False)
        if point is KillPoint.IN_DRAIN:
            self._last(1.0)
            doomed.signal(signal.SIGTERM)
        if point is KillPoint.IN_REVOKE:
            self._last(3.0)
            self.join()
        for _ in range(DOOM_TURNS):
            if not doomed.is_alive:
                break
            self._last(DOOM_TURN_SECONDS)
        reached = not doomed.is_alive and doomed.stop() == -signal.SIGKILL
        self._facts.count("kills at named points" if reached else "named points not reached", 1)
        doomed.kill()
        self._leave_someone()

    def freeze(self, seconds: float) -> None:
        member = self._someone()
        member.signal(signal.SIGSTOP)
        self._last(seconds)
        member.signal(signal.SIGCONT)
        self._facts.count("zombies", 1)

    def break_broker(self, seconds: float) -> None:
        self._break_brokers([self._rng.randrange(self._pipeline.cluster.size)], seconds)

    def break_all_brokers(self, seconds: float) -> None:
        self._break_brokers(range(self._pipeline.cluster.size), seconds)

    def break_store(self, seconds: float) -> None:
        self._pipeline.clickhouse.kill()
        self._last(seconds)
        self._pipeline.clickhouse.start()
        self._facts.count("store kills", 1)

    def flap_store(self, seconds: float) -> None:
        for _ in range(3):
            self.break_store(min(1.0, seconds))

    def spoil_store_network(self, weather: Weather, seconds: float) -> None:
        self._spoil([self._pipeline.store_proxy], weather, seconds)

    def spoil_broker_network(self, weather: Weather, seconds: float) -> None:
        self._spoil(self._pipeline.cluster.proxies, weather, seconds)

    def _break_brokers(self, numbers: Sequence[int], seconds: float) -> None:
        for number in numbers:
            self._pipeline.cluster.kill(number)
        self._last(seconds)
        self._pipeline.cluster.restart(numbers)
        self._facts.count("broker kills", len(numbers))
        if len(numbers) == self._pipeline.cluster.size:
            self._facts.count("whole cluster down", 1)

    def _spoil(self, proxies: Sequence[FaultProxy], weather: Weather, seconds: float) -> None:
        before = [dict(proxy.counts) for proxy in proxies]
        for proxy in proxies:
            proxy.set_weather(weather)
        self._last(seconds)
        for proxy, counted in zip(proxies, before, strict=True):
            proxy.set_weather(FAIR)
            for name, number in proxy.counts.items():
                self._facts.count(f"network {name.replace('_', ' ')}", number - counted.get(name, 0))

    def _someone(self) -> Member:
        return self._rng.choice(self._pipeline.living)

    def _leave_someone(self) -> None:
        if not self._pipeline.living:
            self._pipeline.member(wait=False)

    def _last(self, seconds: float) -> None:
        """How long a fault lasts is its own measure, no waiting for a condition."""
        threading.Event().wait(seconds)
