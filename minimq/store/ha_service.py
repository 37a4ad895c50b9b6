"""Send the log to slaves as raw bytes, and let sends wait until one of them has it.

Java:    store.ha.HAService, store.ha.HAConnection, HAService.GroupTransferService
Differs: bytes leave when they are appended or acknowledged, not in a loop per slave; at most 4 MiB
         (the slave's read buffer) are on their way unacknowledged.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any, cast

from minimq.common.host import Host, Listener
from minimq.common.service_task import ServiceTask
from minimq.store.commit_log import CommitLog
from minimq.store.put_deadlines import PutDeadlines, PutDone
from minimq.store.put_message import PutMessageStatus
from minimq.telemetry import catalog

REPORT = struct.Struct(">q")
"""Slave to master: where its log ends."""
FRAME_HEAD = struct.Struct(">qi")
"""Master to slave: log offset, size of the bytes that follow; size 0 keeps alive."""
IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024
SLAVES_MAX = 64
"""More connections are closed at once."""
CHECK_MILLIS = 1_000


def transfer_start(report: int, log_max_offset: int, segment_size: int) -> int:
    """Where a new slave begins: an empty one with the last segment, else where it ended."""
    if report == 0:
        return log_max_offset - log_max_offset % segment_size
    return report


def last_report(buffered: bytes) -> tuple[int | None, bytes]:
    """The newest whole report in the stream, and what is left of an unfinished one."""
    whole = len(buffered) - len(buffered) % REPORT.size
    if not whole:
        return None, buffered
    (offset,) = REPORT.unpack_from(buffered, whole - REPORT.size)
    return offset, buffered[whole:]


class HAConnection(asyncio.Protocol):
    """One slave."""

    def __init__(self, service: HAService) -> None:
        self._service = service
        self._log = service.commit_log
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._writeable = True
        self._scheduled = False
        self.peer = ""
        self.acked_offset = -1
        """-1 until the first report: until then nothing is sent."""
        self.sent_offset = 0
        self.last_read_millis = service.now_millis()
        self.last_write_millis = self.last_read_millis

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = _address(transport.get_extra_info("peername"))
        if not self._service.join(self):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._service.leave(self)

    def pause_writing(self) -> None:
        self._writeable = False

    def resume_writing(self) -> None:
        self._writeable = True
        self.send_soon()

    def data_received(self, data: bytes) -> None:
        self.last_read_millis = self._service.now_millis()
        offset, self._buffer = last_report(self._buffer + data)
        if offset is None:
            return
        if self.acked_offset < 0:
            log = self._log
            self.sent_offset = transfer_start(offset, log.max_offset, log.files.file_size)
            self.acked_offset = self.sent_offset
            self._service.first_report(self, offset)
        elif offset > self._log.max_offset:
            self.close()
            return
        self.acked_offset = max(self.acked_offset, offset)
        self._service.acknowledged(self)
        self.send_soon()

    def send_soon(self) -> None:
        """Once for all that is appended until the loop comes round."""
        if not self._scheduled and self.acked_offset >= 0:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._scheduled = False
        most = self._log.config.ha_transfer_batch_size
        while self._transport is not None and self._writeable:
            if self.sent_offset - self.acked_offset >= IN_FLIGHT_BYTES_MAX:
                return
            chunk = self._log.view_to_end(self.sent_offset, most)
            if chunk is None:
                return
            self._write(self.sent_offset, chunk)
            self.sent_offset += len(chunk)

    def _write(self, offset: int, chunk: bytes | memoryview) -> None:
        if self._transport is not None:
            self._transport.write(b"".join((FRAME_HEAD.pack(offset, len(chunk)), chunk)))
            self.last_write_millis = self._service.now_millis()

    def keep_alive(self) -> None:
        if self.acked_offset >= 0:
            self._write(self.sent_offset, b"")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class HAService(ServiceTask):
    """The master's side. `open()` before slaves can come."""

    service_name = "HAService"

    def __init__(self, host: Host, commit_log: CommitLog) -> None:
        super().__init__(host)
        self.commit_log = commit_log
        self._config = commit_log.config
        self.now_millis = host.clock.now_millis
        self.connections: list[HAConnection] = []
        self.push_to_slave_max_offset = 0
        self.address = ""
        self._listener: Listener | None = None
        self._waiting: dict[int, int] = {}
        self._deadlines = PutDeadlines(
            host, self._config.slave_timeout, PutMessageStatus.FLUSH_SLAVE_TIMEOUT
        )

    # -- slaves ----------------------------------------------------------------------------------

    async def open(self, listen_ip: str = "127.0.0.1") -> str:
        """Listen at haListenPort; returns the real "ip:port"."""
        address = f"{listen_ip}:{self._config.ha_listen_port}"
        self._listener = await self.host.transport.listen(address, lambda: HAConnection(self))
        self.address = self._listener.address
        return self.address

    def join(self, connection: HAConnection) -> bool:
        if self.stopped or len(self.connections) >= SLAVES_MAX:
            return False
        self.connections.append(connection)
        return True

    def leave(self, connection: HAConnection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
            self.host.recorder.emit(catalog.HA_SLAVE_LEFT, self.service_name, connection.peer)

    def first_report(self, connection: HAConnection, offset: int) -> None:
        emit = self.host.recorder.emit
        emit(catalog.HA_SLAVE_CONNECTED, self.service_name, connection.peer, offset)

    def acknowledged(self, connection: HAConnection) -> None:
        acked = connection.acked_offset
        self.push_to_slave_max_offset = max(self.push_to_slave_max_offset, acked)
        for number, offset in list(self._waiting.items()):
            if offset > acked:
                break
            del self._waiting[number]
            self._deadlines.finish(number, PutMessageStatus.PUT_OK)
        sent = connection.sent_offset
        emit = self.host.recorder.emit
        emit(catalog.HA_TRANSFERRED, self.service_name, connection.peer, acked, sent)

    def appended(self) -> None:
        for connection in self.connections:
            connection.send_soon()

    # -- sends that wait (SYNC_MASTER) -----------------------------------------------------------

    def is_slave_ok(self, next_offset: int) -> bool:
        behind = next_offset - self.push_to_slave_max_offset
        return bool(self.connections) and behind < self._config.ha_slave_fallbehind_max

    def put_request(self, next_offset: int, done: PutDone) -> None:
        """`done` gets PUT_OK, SLAVE_NOT_AVAILABLE or FLUSH_SLAVE_TIMEOUT, once."""
        if self.push_to_slave_max_offset >= next_offset:
            done(PutMessageStatus.PUT_OK)
        elif not self.is_slave_ok(next_offset):
            done(PutMessageStatus.SLAVE_NOT_AVAILABLE)
        else:
            number = self._deadlines.add(lambda status: self._ended(number, status, done))
            self._waiting[number] = next_offset

    def _ended(self, number: int, status: PutMessageStatus, done: PutDone) -> None:
        self._waiting.pop(number, None)
        done(status)

    # -- the loop --------------------------------------------------------------------------------

    async def run_once(self) -> None:
        await self.wait_for_running(CHECK_MILLIS)
        self.check_connections(self.now_millis())

    def check_connections(self, now_millis: int) -> None:
        """Keep idle connections alive; close those whose slave is silent."""
        # A silent peer is judged by RocketMQ's own time: a Java slave knows no pace.
        silence = self._config.ha_housekeeping_interval
        pause = self.host.pace.wait_millis(self._config.ha_send_heartbeat_interval)
        for connection in list(self.connections):
            if now_millis - connection.last_read_millis > silence:
                connection.close()
            elif now_millis - connection.last_write_millis > pause:
                connection.keep_alive()

    def close(self) -> None:
        """No more slaves."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self.connections):
            connection.close()
        self._deadlines.close()

    async def shutdown(self) -> None:
        await super().shutdown()
        self.close()

    def kill(self) -> None:
        super().kill()
        self.close()

    def snapshot(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "slaves": [
                {"peer": c.peer, "acked_offset": c.acked_offset, "sent_offset": c.sent_offset}
                for c in self.connections
            ],
            "push_to_slave_max_offset": self.push_to_slave_max_offset,
        }


def _address(name: Any) -> str:
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name)
