"""Ports that a cluster keeps for its nodes."""

from __future__ import annotations

import socket
import sys

import pytest

from minimq.cluster import LocalCluster
from minimq.cluster.ports import FIRST_PORT, LOOPBACK, PortReserve, outgoing_first

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the node picks a port")


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def listen(port: int) -> socket.socket:
    """As a node does."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen()
    return listener


@pytest.fixture
def reserve():
    made = PortReserve()
    yield made
    made.release_all()


def test_no_outgoing_connection_can_be_given_a_reserved_port(reserve):
    ports = [port_of(reserve.reserve(pair=True)) for _ in range(20)]
    assert all(FIRST_PORT <= port < outgoing_first() for port in ports)
    assert len({*ports, *(port - 2 for port in ports)}) == 40


def test_a_node_listens_on_its_reserved_port_again_and_again(reserve):
    port = port_of(reserve.reserve(pair=False))
    for _ in range(3):
        with listen(port) as listener, socket.create_connection((LOOPBACK, port)):
            listener.accept()[0].close()


def test_what_somebody_else_has_is_not_drawn():
    drawn = iter([21_000, 21_000, 21_002, 21_010])
    one, other = PortReserve(lambda first, end: 21_000), PortReserve(lambda *_: next(drawn))
    try:
        assert port_of(one.reserve(pair=False)) == 21_000
        assert port_of(other.reserve(pair=True)) == 21_010  # 21,002 has a neighbour that is taken
    finally:
        one.release_all()
        other.release_all()


@pytest.mark.parametrize("text", ["", "many few", None])
def test_without_a_readable_range_the_usual_one_is_meant(tmp_path, text):
    path = tmp_path / "range"
    if text is not None:
        path.write_text(text)
    assert outgoing_first(str(path)) == 32_768


def test_a_port_that_is_taken_is_told_and_a_later_restart_gets_it():
    with LocalCluster(brokers=1, pace=20) as cluster:
        cluster.wait_until()
        address = cluster.node("broker-a").address
        cluster.kill("broker-a")
        cluster.wait_until(lambda: cluster.node("broker-a").state == "dead")
        with listen(port_of(address)):
            cluster.restart("broker-a")
            cluster.wait_until(lambda: bool(cluster.node("broker-a").error))
            error = cluster.node("broker-a").error
            assert f"cannot listen on {address}: address already in use" in error
        cluster.wait_until(lambda: cluster.node("broker-a").state == "dead")
        cluster.restart("broker-a")
        cluster.wait_until(lambda: cluster.node("broker-a").state == "running")
        assert cluster.node("broker-a").address == address
        cluster.create_topic("orders", queues=1)
