"""The servers behind the tests of admin commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.cli.admin_rig import AdminRig
from tests.peers.genuine import JavaBroker, JavaNamesrv
from tests.peers.java_client import JavaPeer


@pytest.fixture(scope="module", params=["genuine"])
def rig(request: pytest.FixtureRequest) -> Iterator[AdminRig]:
    with ExitStack() as stack:
        namesrv = stack.enter_context(JavaNamesrv(orderMessageEnable="true"))
        broker = stack.enter_context(JavaBroker("broker-a", namesrv.address))
        java = stack.enter_context(JavaPeer(namesrv.address))
        rig = AdminRig(namesrv.address, broker.address, java)
        clients = rig.fill()
        yield rig
        for client in clients:
            client.shutdown()
