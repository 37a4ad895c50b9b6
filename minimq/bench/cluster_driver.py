"""A cluster of processes, as a lesson starts it: its start, and what it costs to watch it."""

from __future__ import annotations

import time

from minimq.bench.our_driver import AsyncDriver
from minimq.cluster import LocalCluster

CLIENTS = 4


class ClusterDriver:
    """`address` is of no use here: each method starts a cluster of its own."""

    def __init__(self, address: str) -> None:
        self._namesrv = address

    def start(self, topic: str) -> float:
        """Seconds until a name server, two brokers, two producers and two consumers serve."""
        began = time.perf_counter()
        with LocalCluster(brokers=2) as cluster:
            cluster.create_topic(topic)
            for _ in range(CLIENTS // 2):
                cluster.add_producer(topic)
                cluster.add_consumer(topic)
            cluster.wait_until()
            return time.perf_counter() - began

    def watched(self, topic: str, seconds: float, size: int, width: int) -> list[float]:
        """Windowed sends per second with nobody watching the cluster, and with one viewer."""
        with LocalCluster(brokers=1) as cluster:
            cluster.create_topic(topic)
            cluster.wait_until()
            driver = AsyncDriver(cluster.node("namesrv-1").address)
            rates = []
            for viewer in (False, True):
                if viewer:
                    cluster.listening(True)
                count, took = driver.window(topic, seconds, size, width, 0)
                rates.append(count / took)
            return rates
