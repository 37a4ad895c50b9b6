"""A genuine name server, a broker and a JVM of clients, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.genuine import JavaBroker, JavaNamesrv
from tests.peers.java_client import JavaPeer


@pytest.fixture(scope="session")
def java_namesrv() -> Iterator[JavaNamesrv]:
    with JavaNamesrv() as namesrv:
        yield namesrv


@pytest.fixture(scope="session")
def java_broker(java_namesrv: JavaNamesrv) -> Iterator[JavaBroker]:
    """Transactions are checked and first retries come after a second, so that tests see them."""
    soon: dict[str, object] = {"transactionCheckInterval": 1000, "transactionTimeOut": 1000}
    soon["messageDelayLevel"] = "1s 1s 1s 1s 1s"
    with JavaBroker(
        "broker-a", java_namesrv.address, enablePropertyFilter="true", **soon
    ) as broker:
        yield broker


@pytest.fixture(scope="session")
def java_peer(java_namesrv: JavaNamesrv, java_broker: JavaBroker) -> Iterator[JavaPeer]:
    with JavaPeer(java_namesrv.address) as peer:
        yield peer
