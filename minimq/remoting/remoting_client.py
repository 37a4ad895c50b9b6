"""Connections to peers by address, opened when first needed, and calls over them.

Java:    remoting.netty.NettyRemotingClient
Posts:   RocketMQ生产消费流程浅析, invokeSync, getAndCreateChannel
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from minimq.common.host import Host
from minimq.errors import MiniMQError, RemotingConnectError, RemotingTimeoutError
from minimq.protocol.remoting_command import RemotingCommand
from minimq.remoting.connection import Connection, open_connection
from minimq.remoting.housekeeping import ConnectionScanService
from minimq.remoting.link_table import LinkTable, links_of
from minimq.remoting.request_dispatcher import RequestDispatcher
from minimq.remoting.response_table import Callback

CONNECT_TIMEOUT_MILLIS = 3_000
PACE_FIELD = "minimqPace"


class RPCHook(Protocol):
    """Java: remoting.RPCHook."""

    def do_before_request(self, address: str, request: RemotingCommand) -> None: ...

    def do_after_response(
        self, address: str, request: RemotingCommand, response: RemotingCommand
    ) -> None: ...


class RemotingClient:
    """`links` holds the cut cables: by default those of the process."""

    def __init__(
        self,
        host: Host,
        dispatcher: RequestDispatcher | None = None,
        on_closed: Callable[[Connection, str], None] = lambda connection, reason: None,
        links: LinkTable | None = None,
    ) -> None:
        self.host = host
        self.dispatcher = dispatcher or RequestDispatcher(host)
        self.rpc_hooks: list[RPCHook] = []
        self.links = links or links_of(host)
        self.channel_table: dict[str, Connection] = {}
        self._opening: dict[str, asyncio.Task[Connection]] = {}
        self._on_closed = on_closed
        self._unwatch: dict[Connection, Callable[[], None]] = {}
        self._scan = ConnectionScanService(host, lambda: self.channel_table.values())
        self._name_servers: list[str] = []
        self._chosen_name_server = -1
        self._announce_pace = host.pace.factor != 1
        self._stopped = False

    def start(self) -> None:
        self._scan.start()

    async def shutdown(self) -> None:
        self._stopped = True
        await self._scan.shutdown()
        for task in list(self._opening.values()):
            task.cancel()
        for connection in list(self.channel_table.values()):
            connection.close("client stopped")

    def kill(self) -> None:
        self._stopped = True
        self._scan.kill()
        for task in list(self._opening.values()):
            task.cancel()
        for connection in list(self.channel_table.values()):
            connection.abort("killed")

    # -- name servers ----------------------------------------------------------------------------

    @property
    def name_server_address_list(self) -> list[str]:
        return list(self._name_servers)

    def update_name_server_address_list(self, addresses: list[str]) -> None:
        """Shuffled once, as Java does, so that clients spread over the name servers."""
        if sorted(addresses) != sorted(self._name_servers):
            self._name_servers = list(addresses)
            self.host.random.shuffle(self._name_servers)
            self._chosen_name_server = -1

    def chosen_name_server(self) -> str | None:
        """The one in use; it stays until its connection breaks."""
        if 0 <= self._chosen_name_server < len(self._name_servers):
            return self._name_servers[self._chosen_name_server]
        return None

    async def get_and_create_name_server_channel(self, timeout_millis: float) -> Connection:
        """The present name server or the next one up; RemotingConnectError if there is none."""
        address = self.chosen_name_server()
        if address in self.channel_table:
            return self.channel_table[address]
        failure: RemotingConnectError | None = None
        for _ in self._name_servers:
            self._chosen_name_server = (self._chosen_name_server + 1) % len(self._name_servers)
            try:
                address = self._name_servers[self._chosen_name_server]
                return await self.get_and_create_channel(address, timeout_millis)
            except RemotingConnectError as error:
                failure = error
        raise failure or RemotingConnectError("name server", "no address is configured")

    # -- calls -----------------------------------------------------------------------------------

    async def invoke(
        self, address: str | None, request: RemotingCommand, timeout_millis: float
    ) -> RemotingCommand:
        """Java: invokeSync. `address` None: the name server. Connecting uses up the same budget."""
        started = self.host.clock.now_micros()
        connection = await self._channel(address, timeout_millis)
        spent_millis = (self.host.clock.now_micros() - started) / 1_000 * self.host.pace.factor
        if timeout_millis - spent_millis <= 0:
            raise RemotingTimeoutError(connection.peer, timeout_millis)
        self._before(connection.peer, request)
        response = await connection.invoke(request, timeout_millis - spent_millis)
        self._after(connection.peer, request, response)
        return response

    async def invoke_async(
        self, address: str, request: RemotingCommand, timeout_millis: float, callback: Callback
    ) -> None:
        """Returns when the request is written; raises only what happens before that."""
        connection = self.channel_table.get(address)
        if connection is None:
            connection = await self.get_and_create_channel(address, timeout_millis)
        self.invoke_on(connection, request, timeout_millis, callback)

    def invoke_on(
        self,
        connection: Connection,
        request: RemotingCommand,
        timeout_millis: float,
        callback: Callback,
    ) -> None:
        """As `invoke_async` over an open connection, without waiting (hot path)."""
        self._before(connection.peer, request)
        if self.rpc_hooks:
            callback = self._with_after(connection.peer, request, callback)
        connection.invoke_async(request, timeout_millis, callback)

    async def invoke_oneway(self, address: str, request: RemotingCommand) -> None:
        connection = self.channel_table.get(address)
        if connection is None:
            connection = await self.get_and_create_channel(address, CONNECT_TIMEOUT_MILLIS)
        self.oneway_on(connection, request)

    def oneway_on(self, connection: Connection, request: RemotingCommand) -> None:
        """As `invoke_oneway` over an open connection, without waiting."""
        self._before(connection.peer, request)
        connection.invoke_oneway(request)

    # -- channels --------------------------------------------------------------------------------

    async def get_and_create_channel(self, address: str, timeout_millis: float) -> Connection:
        connection = self.channel_table.get(address)
        if connection is not None:
            return connection
        if self._stopped:
            raise RemotingConnectError(address, "this client has been shut down")
        opening = self._opening.get(address)
        if opening is None:
            opening = asyncio.get_running_loop().create_task(self._open(address))
            self._opening[address] = opening
            opening.add_done_callback(lambda task: self._opened(address, task))
        most = min(timeout_millis, CONNECT_TIMEOUT_MILLIS)  # a pull's 30 s are for its answer
        patience = self.host.pace.timeout_millis(most) / 1_000
        try:
            return await asyncio.wait_for(asyncio.shield(opening), patience)
        except TimeoutError:
            raise RemotingConnectError(address, f"no answer in {patience:.1f} s") from None
        except asyncio.CancelledError:
            if opening.cancelled():
                raise RemotingConnectError(address, "this client has been shut down") from None
            raise

    def close_channel(self, address: str, reason: str = "closed here") -> None:
        connection = self.channel_table.get(address)
        if connection is not None:
            connection.close(reason)

    async def _channel(self, address: str | None, timeout_millis: float) -> Connection:
        if address is None:
            return await self.get_and_create_name_server_channel(timeout_millis)
        return await self.get_and_create_channel(address, timeout_millis)

    async def _open(self, address: str) -> Connection:
        await self.links.wait_whole(address)
        connection = await open_connection(
            self.host,
            address,
            lambda: Connection(self.host, self.dispatcher, self._forget, outbound=True),
            CONNECT_TIMEOUT_MILLIS,
        )
        connection.peer = address
        return connection

    def _opened(self, address: str, task: asyncio.Task[Connection]) -> None:
        self._opening.pop(address, None)
        if task.cancelled() or task.exception() is not None:
            return
        connection = task.result()
        if self._stopped:
            connection.abort("client stopped")
        elif not connection.closed:
            self.channel_table[address] = connection
            self._unwatch[connection] = self.links.watch(address, connection.link_changed)

    def _forget(self, connection: Connection, reason: str) -> None:
        if self.channel_table.get(connection.peer) is connection:
            del self.channel_table[connection.peer]
        unwatch = self._unwatch.pop(connection, None)
        if unwatch is not None:
            unwatch()
        self._on_closed(connection, reason)

    # -- hooks -----------------------------------------------------------------------------------

    def _before(self, address: str, request: RemotingCommand) -> None:
        factor = self.host.pace.factor
        if factor != 1 or self._announce_pace:
            self._announce_pace = True
            request.ext_fields[PACE_FIELD] = f"{factor:g}"
        for hook in self.rpc_hooks:
            hook.do_before_request(address, request)

    def _after(self, address: str, request: RemotingCommand, response: RemotingCommand) -> None:
        for hook in self.rpc_hooks:
            hook.do_after_response(address, request, response)

    def _with_after(self, address: str, request: RemotingCommand, callback: Callback) -> Callback:
        def answered(response: RemotingCommand | None, error: MiniMQError | None) -> None:
            if response is not None:
                self._after(address, request, response)
            callback(response, error)

        return answered
