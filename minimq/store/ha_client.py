"""Read the master's log and append it to our own: a slave's only source of messages.

Java:    store.ha.HAService.HAClient
Differs: the first report goes out as soon as the connection stands (Java: after 5 s).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from minimq.common.host import Host
from minimq.common.service_task import ServiceTask
from minimq.errors import RemotingConnectError, StoreError
from minimq.store.commit_log import CommitLog
from minimq.store.ha_service import FRAME_HEAD, REPORT
from minimq.telemetry import catalog

RECONNECT_MILLIS = 5_000
FRAME_BYTES_MAX = 4 * 1024 * 1024
"""Java's read buffer: a master never sends more in one frame."""


class HAChannel(asyncio.Protocol):
    """The connection to the master; `lost` is done when it has ended."""

    def __init__(self, client: HAClient) -> None:
        self._client = client
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.last_read_millis = client.host.clock.now_millis()
        self.last_report_millis = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.last_read_millis = self._client.host.clock.now_millis()
        self._buffer += data
        try:
            grown = self._take_frames()
        except StoreError as error:
            emit = self._client.host.recorder.emit
            emit(catalog.SERVICE_FAILED, self._client.service_name, str(error))
            self.close()
            return
        if grown:
            self.report()
            self._client.grown()

    def _take_frames(self) -> bool:
        """Append every whole frame; True if the log has grown."""
        at, grown = 0, False
        while len(self._buffer) - at >= FRAME_HEAD.size:
            offset, size = FRAME_HEAD.unpack_from(self._buffer, at)
            start = at + FRAME_HEAD.size
            if not 0 <= size <= FRAME_BYTES_MAX or not self._client.fits(offset):
                self.close()
                return grown
            if len(self._buffer) < start + size:
                break
            if size:
                self._client.append(offset, bytes(self._buffer[start : start + size]))
                grown = True
            at = start + size
        del self._buffer[:at]
        return grown

    def report(self) -> None:
        """Tell the master where our log ends."""
        if self._transport is not None:
            self._transport.write(REPORT.pack(self._client.commit_log.max_offset))
            self.last_report_millis = self._client.host.clock.now_millis()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class HAClient(ServiceTask):
    """The slave's side. The master's address may change at any time."""

    service_name = "HAClient"

    def __init__(self, host: Host, commit_log: CommitLog, appended: Callable[[], None]) -> None:
        super().__init__(host)
        self.commit_log = commit_log
        self._config = commit_log.config
        self._appended = appended
        self.master_address = self._config.ha_master_address
        self.channel: HAChannel | None = None

    def update_master_address(self, address: str) -> None:
        """From the registration; ignored if `haMasterAddress` is set. Empty: no master."""
        if not self._config.ha_master_address and address != self.master_address:
            self.master_address = address
            if self.channel is not None:
                self.channel.close()
            self.wakeup()

    def fits(self, offset: int) -> bool:
        """A frame must go on where our log ends, unless there is no log yet."""
        return not self.commit_log.max_offset or offset == self.commit_log.max_offset

    def append(self, offset: int, data: bytes) -> None:
        if not self.commit_log.append_data(offset, data):
            raise StoreError(f"bytes for {offset} came while the log ends elsewhere")

    def grown(self) -> None:
        self._appended()

    async def run_once(self) -> None:
        if not self.master_address:
            await self.wait_for_running(RECONNECT_MILLIS)
            return
        try:
            protocol = await self.host.transport.connect(
                self.master_address, lambda: HAChannel(self)
            )
        except RemotingConnectError:
            await self.wait_for_running(RECONNECT_MILLIS)
            return
        await self._stay(cast(HAChannel, protocol))

    async def _stay(self, channel: HAChannel) -> None:
        """Report now and then until the connection ends."""
        self.channel = channel
        offset = self.commit_log.max_offset
        emit = self.host.recorder.emit
        emit(catalog.HA_MASTER_CONNECTED, self.service_name, self.master_address, offset)
        channel.report()
        channel.lost.add_done_callback(lambda _: self.wakeup())
        try:
            while not channel.lost.done() and not self.stopped:
                await self.wait_for_running(self._config.ha_send_heartbeat_interval)
                self._look_at(channel)
        finally:
            self.channel = None
            channel.close()
        if not self.stopped:
            await self.wait_for_running(RECONNECT_MILLIS)

    def _look_at(self, channel: HAChannel) -> None:
        silent = self.host.clock.now_millis() - channel.last_read_millis
        if silent > self._config.ha_housekeeping_interval:
            channel.close()
        else:
            channel.report()
