"""How bytes travel: over TCP, or in memory with seeded delays for a simulation.

Java:    Netty's channels
Differs: asyncio's Protocol and Transport are the seam, so a connection cannot tell the two apart.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import os
import random
import socket
from typing import Any, cast

from minimq.common.host import ProtocolFactory
from minimq.errors import RemotingConnectError

BACKLOG = 1_024
WRITE_BUFFER_HIGH_BYTES = 4 * 1024 * 1024
"""Beyond it a connection stops reading its peer's requests until the peer reads our answers."""
READ_BYTES = 64 * 1024
"""Of one read. asyncio's 256 KiB is above malloc's threshold: each read, however small, would map
and unmap fresh memory."""


def split_address(address: str) -> tuple[str, int]:
    """ "ip:port" → (ip, port); ValueError says what is wrong."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"an address is ip:port, got {address!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


def tune(transport: asyncio.BaseTransport) -> None:
    """TCP_NODELAY by hand on every socket: without it a window of sends falls to a trickle."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cast(Any, transport).max_size = READ_BYTES
    cast(asyncio.Transport, transport).set_write_buffer_limits(WRITE_BUFFER_HIGH_BYTES)


class TcpListener:
    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        ip, port = server.sockets[0].getsockname()[:2]
        self.address = f"{ip}:{port}"

    def close(self) -> None:
        self._server.close()


class TcpTransport:
    """Loopback or network sockets of this process's loop."""

    async def connect(self, address: str, factory: ProtocolFactory) -> asyncio.Protocol:
        try:
            ip, port = split_address(address)
            loop = asyncio.get_running_loop()
            _, protocol = await loop.create_connection(factory, ip, port)
        except (OSError, ValueError) as error:
            raise RemotingConnectError(address, str(error)) from error
        return protocol

    async def listen(self, address: str, factory: ProtocolFactory) -> TcpListener:
        ip, port = split_address(address)
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(factory, ip, port, backlog=BACKLOG)
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            raise OSError(error.errno, f"cannot listen on {address}: {why}") from error
        return TcpListener(server)


class MemoryNetwork:
    """Joins the memory transports of one simulation; delays are drawn from its random source."""

    def __init__(self, rng: random.Random, delay_micros: tuple[int, int] = (150, 400)) -> None:
        self.random = rng
        self.delay_micros = delay_micros
        self._listeners: dict[str, MemoryListener] = {}
        self._next_port = 20_000

    def delay_seconds(self) -> float:
        return self.random.randint(*self.delay_micros) / 1_000_000

    def free_port(self) -> int:
        self._next_port += 3
        return self._next_port

    def add(self, listener: MemoryListener) -> None:
        if listener.address in self._listeners:
            raise OSError(98, f"address {listener.address} is in use")
        self._listeners[listener.address] = listener

    def remove(self, listener: MemoryListener) -> None:
        if self._listeners.get(listener.address) is listener:
            del self._listeners[listener.address]

    def find(self, address: str) -> MemoryListener | None:
        return self._listeners.get(address)


class MemoryListener:
    def __init__(self, owner: MemoryTransport, address: str, factory: ProtocolFactory) -> None:
        self.owner = owner
        self.address = address
        self.factory = factory
        owner.network.add(self)

    def close(self) -> None:
        self.owner.network.remove(self)


class MemoryTransport:
    """The network card of one simulated process. `freeze()` is SIGSTOP, `vanish()` SIGKILL."""

    def __init__(self, network: MemoryNetwork, ip: str = "127.0.0.1") -> None:
        self.network = network
        self.ip = ip
        self.context: contextvars.Context | None = None
        """In which the owner's protocols run, so that a simulation knows whose work it is."""
        self.frozen = False
        self._streams: list[MemoryStream] = []
        self._listeners: list[MemoryListener] = []

    async def connect(self, address: str, factory: ProtocolFactory) -> asyncio.Protocol:
        await asyncio.sleep(self.network.delay_seconds())
        listener = self.network.find(address)
        if listener is None:
            raise RemotingConnectError(address, "connection refused")
        name = f"{self.ip}:{self.network.free_port()}"
        near, far = MemoryStream(self, name, address), MemoryStream(listener.owner, address, name)
        near.far, far.far = far, near
        protocol = factory()
        near.start(protocol)
        loop = asyncio.get_running_loop()
        loop.call_soon(far.accepted, listener.factory, context=listener.owner.context)
        return protocol

    async def listen(self, address: str, factory: ProtocolFactory) -> MemoryListener:
        ip, port = split_address(address)
        listener = MemoryListener(self, f"{ip}:{port or self.network.free_port()}", factory)
        self._listeners.append(listener)
        return listener

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        """Deliver what arrived meanwhile, in its order."""
        self.frozen = False
        for stream in list(self._streams):
            stream.deliver_late()

    def vanish(self) -> None:
        """Everything this process had open closes, as its kernel would do for it."""
        for listener in self._listeners:
            listener.close()
        for stream in list(self._streams):
            stream.abort()

    def attach(self, stream: MemoryStream) -> None:
        self._streams.append(stream)

    def detach(self, stream: MemoryStream) -> None:
        if stream in self._streams:
            self._streams.remove(stream)


class MemoryStream(asyncio.Transport):
    """One end of a connection: what is written arrives at `far` in order, a little later."""

    far: MemoryStream

    def __init__(self, owner: MemoryTransport, local: str, peer: str) -> None:
        super().__init__({"sockname": split_address(local), "peername": split_address(peer)})
        self.owner = owner
        self._protocol: asyncio.Protocol | None = None
        self._last_arrival = 0.0
        self._reading_paused = False
        self._late: list[bytes | None] = []
        self._closing = False

    def start(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        self.owner.attach(self)
        protocol.connection_made(self)

    def accepted(self, factory: ProtocolFactory) -> None:
        self.start(factory())

    def write(self, data: Any) -> None:
        if not self._closing:
            self._post(bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._post(None)
        asyncio.get_running_loop().call_soon(self._lost, context=self.owner.context)

    def pause_reading(self) -> None:
        self._reading_paused = True

    def resume_reading(self) -> None:
        self._reading_paused = False
        self.deliver_late()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Memory is not bounded here: a simulation is."""

    def deliver_late(self) -> None:
        late, self._late = self._late, []
        for data in late:
            self.arrive(data)

    def arrive(self, data: bytes | None) -> None:
        """None is the end of the stream."""
        if self._protocol is None or self._closing:
            return
        if self._reading_paused or self.owner.frozen or self._late:
            self._late.append(data)
        elif data is None:
            self._closing = True
            self._lost()
        else:
            self._protocol.data_received(data)

    def _post(self, data: bytes | None) -> None:
        loop = asyncio.get_running_loop()
        # Strictly later than the one before: the loop's timers keep no order among equal times.
        after_last = math.nextafter(self._last_arrival, math.inf)
        arrival = max(after_last, loop.time() + self.owner.network.delay_seconds())
        self._last_arrival = arrival
        loop.call_at(arrival, self.far.arrive, data, context=self.far.owner.context)

    def _lost(self) -> None:
        protocol, self._protocol = self._protocol, None
        self.owner.detach(self)
        if protocol is not None:
            protocol.connection_lost(None)
