"""One broker or three, native, each also reached through a proxy of its own, to be killed at will."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaos.loop_thread import LoopThread
from chaos.proxy import FaultProxy
from runtally_cli.local import ports
from runtally_cli.local.kafka import QUICK_TO_NOTICE, KafkaBroker, KafkaOptions, new_cluster_id


class KafkaCluster:
    """`bootstrap` leads to the brokers themselves, `proxied_bootstrap` through the proxies."""

    def __init__(self, folder: Path, thread: LoopThread, rng: random.Random, brokers: int = 1) -> None:
        self.size = brokers
        direct = _free_ports(3 * brokers)
        self._ports = [tuple(direct[3 * number : 3 * number + 3]) for number in range(brokers)]
        self.proxies = [FaultProxy(thread, proxied, rng) for _, proxied, _ in self._ports]
        cluster_id = new_cluster_id()
        self.brokers = [
            KafkaBroker(
                folder / f"kafka-{number}",
                self._ports[number][0],
                KafkaOptions(properties=self._properties(number), cluster_id=cluster_id),
            )
            for number in range(brokers)
        ]

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.bootstrap for broker in self.brokers)

    @property
    def proxied_bootstrap(self) -> str:
        return ",".join(f"{ports.LOOPBACK}:{proxy.port}" for proxy in self.proxies)

    def start(self) -> None:
        self.restart(range(self.size))

    def kill(self, number: int) -> None:
        self.brokers[number].kill()

    def restart(self, numbers: Sequence[int]) -> None:
        """All at once: the first of three answers nobody before it has the second."""
        with ThreadPoolExecutor(self.size) as pool:
            for started in [pool.submit(self.brokers[number].start) for number in numbers]:
                started.result()

    def close(self) -> None:
        for broker in self.brokers:
            broker.kill()
        for proxy in self.proxies:
            proxy.close()

    def _properties(self, number: int) -> dict[str, str]:
        direct, proxied, controller = self._ports[number]
        voters = [f"{at + 1}@{ports.LOOPBACK}:{three[2]}" for at, three in enumerate(self._ports)]
        copies = str(self.size)
        in_sync = str(min(2, self.size))
        at = {"PLAINTEXT": direct, "PROXIED": proxied, "CONTROLLER": controller}
        advertised = {"PLAINTEXT": direct, "PROXIED": self.proxies[number].port}
        return {
            **QUICK_TO_NOTICE,
            "node.id": str(number + 1),
            "controller.quorum.voters": ",".join(voters),
            "listeners": _listeners(at),
            "advertised.listeners": _listeners(advertised),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in at),
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync,
        }


def _listeners(at: dict[str, int]) -> str:
    return ",".join(f"{name}://{ports.LOOPBACK}:{port}" for name, port in at.items())


def _free_ports(count: int) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < count:
        port = ports.pick_free()
        if port not in chosen:
            chosen.append(port)
    return chosen
