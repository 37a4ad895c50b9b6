"""The servers behind the tests of admin commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.cli.admin_rig import AdminRig
from tests.peers.genuine import JavaBroker, JavaNamesrv
from tests.peers.java_client import JavaPeer
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv


@pytest.fixture(scope="module", params=["genuine", "minimq"])
def rig(request: pytest.FixtureRequest) -> Iterator[AdminRig]:
    """Servers of either make, and a genuine client and mqadmin to compare with."""
    namesrv: JavaNamesrv | MinimqNamesrv
    broker: JavaBroker | MinimqBroker
    with ExitStack() as stack:
        if request.param == "genuine":
            namesrv = stack.enter_context(JavaNamesrv())
            broker = stack.enter_context(JavaBroker("broker-a", namesrv.address))
        else:
            namesrv = stack.enter_context(MinimqNamesrv())
            broker = stack.enter_context(MinimqBroker("broker-a", namesrv.address))
        java = stack.enter_context(JavaPeer(namesrv.address))
        rig = AdminRig(request.param, namesrv.address, broker.address, java)
        clients = rig.fill()
        yield rig
        for client in clients:
            client.shutdown()
