"""A hundred thousand bad frames into a broker and a name server: others are served, tables stay."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from minimq.protocol.frame_decoder import FrameDecoder
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.remoting_server import RemotingServer
from minimq.telemetry import catalog
from minimq.telemetry.recorder import to_event
from tests.fuzz.mutate import mutant
from tests.fuzz.seeds import good_requests
from tests.helpers.broker_rig import BrokerRig, messages_of, pull, send
from tests.helpers.held import held_bytes
from tests.helpers.raw import RawClient
from tests.helpers.virtual import run_virtual

CASES_BROKER = 100_000
CASES_NAMESRV = 50_000
CHECK_EVERY = 1_000
CASES_PER_CONNECTION = 40
HELD_BYTES_PER_CASE_MAX = 10.0
"""What the second half of a run may add to what a server holds; the topics of `healthy` are five of
them. To keep one object of every fifth case is too much."""
ANSWERS = {int(code) for code in ResponseCode}
PUSHED = {39, 40, 220, 221, 307, 309, 326}


class Socket(asyncio.Transport):
    """The server's end of a connection; `written` is what it sent."""

    def __init__(self, port: int) -> None:
        super().__init__({"peername": ("127.0.0.1", port), "sockname": ("127.0.0.1", 1)})
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        """Nothing reads here."""

    resume_reading = pause_reading

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered here."""


class Attacker:
    """Feeds mutants to one server, over connections that last for some of them."""

    def __init__(self, server: RemotingServer, seed: int) -> None:
        self.server = server
        self.rng = random.Random(seed)
        self.seeds = good_requests()
        self.answers: Counter[int] = Counter()
        self.closed = 0
        self._port = 1_000
        self._left = 0

    def connect(self) -> None:
        self._port += 1
        self._left = self.rng.randrange(1, CASES_PER_CONNECTION)
        self.socket, self.decoder = Socket(self._port), FrameDecoder()
        self.connection = self.server._accept()
        self.connection.connection_made(self.socket)

    def attack(self) -> None:
        if not self._left or self.socket.closed:
            if self._port > 1_000:
                self.closed += self.socket.closed
                self.connection.connection_lost(None)
            self.connect()
        self._left -= 1
        data = mutant(self.rng, self.seeds)
        cut = self.rng.randrange(len(data) + 1) if self.rng.random() < 0.1 else len(data)
        for part in (data[:cut], data[cut:]):
            if part and not self.socket.closed:
                self.connection.data_received(part)
        self.read()

    def read(self) -> None:
        """Whatever the server writes is a frame with a code that exists."""
        written, self.socket.written = b"".join(self.socket.written), []
        for command in self.decoder.feed(written):
            code = int(command.code)
            assert code in (ANSWERS if command.is_response else PUSHED), command
            self.answers[code if command.is_response else -code] += 1


def failures(host: Any) -> list[str]:
    """What a processor did not foresee: answered with 1, but worth a look."""
    events = (to_event("x", raw) for raw in host.recorder.drain()[0])
    return [str(e.fields) for e in events if e.name == catalog.SERVICE_FAILED.name]


async def healthy(client: RawClient, routes: RawClient, number: int) -> None:
    """Somebody else sends, pulls and looks up a route."""
    topic = f"health-{number}"
    sent = await send(client, topic, b"alive")
    assert sent.code == 0, sent.remark
    answer = await pull(client, topic, int(sent.ext_fields["queueOffset"]), group="health")
    assert [m.body for m in messages_of(answer)] == [b"alive"]
    route = await routes.call(RequestCode.GET_ROUTEINFO_BY_TOPIC, {"topic": topic})
    assert route.code == 0, route.remark


async def siege(target: str, cases: int, seed: int) -> None:
    rig = BrokerRig()
    await rig.start()
    role: Any = rig.broker if target == "broker" else rig.namesrv
    role.host.recorder.listen(False)
    server = rig.broker.ports.remoting_server if target == "broker" else rig.namesrv.remoting_server
    client = rig.client()
    routes = rig.client("routes")
    routes.address = rig.namesrv.address
    attacker = Attacker(server, seed)
    unforeseen: list[str] = []
    half = 0
    for number in range(cases):
        attacker.attack()
        if number % CHECK_EVERY == 0:
            await rig.sleep(1_000)
            unforeseen += failures(role.host)
            await healthy(client, routes, number)
        if number == cases // 2:
            half = held_bytes(role)
    await rig.sleep(1_000)
    unforeseen += failures(role.host)
    grown = held_bytes(role) - half
    assert not unforeseen, f"{len(unforeseen)}: " + "\n".join(sorted(set(unforeseen))[:20])
    assert attacker.closed > cases // 20
    assert attacker.answers[0] > cases // 50
    assert len(attacker.answers) > 4
    assert grown < HELD_BYTES_PER_CASE_MAX * (cases / 2), f"{grown} bytes more are held"
    await rig.shutdown()


@pytest.mark.parametrize(
    ("target", "cases"), [("broker", CASES_BROKER), ("namesrv", CASES_NAMESRV)]
)
def test_bad_frames_end_nobodys_service(target, cases, rounds):
    run_virtual(siege(target, rounds(cases), seed=cases))


def test_what_a_table_keeps_is_counted():
    async def main() -> None:
        rig = BrokerRig()
        await rig.start()
        tables: list[tuple[object, dict[str, Any]]] = [
            (rig.broker, rig.broker.topic_config_manager.topic_config_table),
            (rig.namesrv, rig.namesrv.route_info_manager.topic_queue_table),
        ]
        for role, table in tables:
            before = held_bytes(role)
            table["lost"] = [bytes(100_000)]
            assert 100_000 < held_bytes(role) - before < 200_000
        before = held_bytes(rig.broker)
        await send(rig.client(), "orders", bytes(50_000))
        assert held_bytes(rig.broker) - before < 50_000, "the log is no memory of the broker"
        del rig.broker.topic_config_manager.topic_config_table["lost"]
        del rig.namesrv.route_info_manager.topic_queue_table["lost"]
        await rig.shutdown()

    run_virtual(main())
