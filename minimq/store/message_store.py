"""The store as the broker sees it: put, get, look up, and the services behind.

Java:    store.DefaultMessageStore, store.MessageStore
Posts:   RocketMQ生产消费流程浅析, broker收到拉取消息请求
Differs: a put answers at once; if it must wait for the disk or a slave, its result carries a
         future. Everything runs on the one loop of the process, except the calls that flush.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto

from minimq.common.host import Host
from minimq.common.mix_all import SCHEDULE_TOPIC, TOPIC_MAX_LENGTH
from minimq.common.sys_flag import TRANSACTION_MASK
from minimq.errors import LocalCommandError, RemoteCommandError, StoreError
from minimq.protocol.message_codec import PROPERTIES_MAX_BYTES, encode_host
from minimq.store.commit_log import FOLDER, AppendedRecord, SegmentError
from minimq.store.consume_queue import UNIT
from minimq.store.dispatch import NOT_IN_QUEUES, DelayLevels, DispatchRequest, queue_tags_code
from minimq.store.put_message import MessageExtBrokerInner, PutMessageResult, PutMessageStatus
from minimq.store.reput_message_service import (
    RECORDS_PER_PASS_MAX,
    RETRIES_BEFORE_REFUSING,
    ReputMessageService,
)
from minimq.store.running_flags import Reason, RunningFlags
from minimq.store.store_config import MessageStoreConfig
from minimq.store.store_reader import StoreReader
from minimq.telemetry import catalog

GAUGE_MILLIS = 20
"""Positions are told at most this often."""

ArrivingListener = Callable[[str, int, int, int, int, bytes], None]
"""(topic, queue_id, max_offset, tags_code, store_timestamp, properties) of a new message."""


class StoreState(Enum):
    CREATED = auto()
    LOADED = auto()
    RUNNING = auto()
    SHUT_DOWN = auto()


class DefaultMessageStore(StoreReader):
    """Needs `load()`, then `start()` on a running loop."""

    def __init__(
        self, host: Host, config: MessageStoreConfig, *, store_host: str = "127.0.0.1:10911"
    ) -> None:
        super().__init__(host, config)
        self.state = StoreState.CREATED
        self.store_host = encode_host(store_host)
        self.flags = RunningFlags()
        self.levels = DelayLevels(config.message_delay_level)
        self.reput = ReputMessageService(
            host, self.commit_log, self.levels, self._dispatch, self._queue_failed, self._advanced
        )
        self._now_millis = host.clock.now_millis
        self._arriving: ArrivingListener | None = None
        self._gauge_pending = False
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- life ------------------------------------------------------------------------------------

    def load(self) -> bool:
        self.commit_log.files.load()
        self.queues.load()
        self.state = StoreState.LOADED
        return True

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.state = StoreState.RUNNING
        while self.reput.do_reput(RECORDS_PER_PASS_MAX):
            """Nothing is served before the queues know of every record."""
        self.reput.start()

    async def shutdown(self) -> None:
        self.state = StoreState.SHUT_DOWN
        await self.reput.shutdown()

    def kill(self) -> None:
        """End at once, flush nothing: what a SIGKILL leaves, for the simulation."""
        self.state = StoreState.SHUT_DOWN
        self.reput.kill()

    def set_message_arriving_listener(self, listener: ArrivingListener | None) -> None:
        self._arriving = listener

    def set_reput_delay(self, millis: float) -> None:
        self.reput.set_delay(millis)

    # -- put -------------------------------------------------------------------------------------

    def put_message(self, message: MessageExtBrokerInner) -> PutMessageResult:
        """Store one message. A delay level moves it to the schedule topic on the way."""
        refusal = self._refusal(message)
        if refusal is not None:
            return refusal
        host = message.store_host or self.store_host
        try:
            result = self.commit_log.append(message, host, self._now_millis())
        except StoreError as error:
            return self._not_written(error)
        except LocalCommandError as error:
            return PutMessageResult(PutMessageStatus.MESSAGE_ILLEGAL, str(error))
        if self.reput.caught_up:
            self._dispatch_appended(message, result)
        else:
            self.reput.appended()
        return result

    def put_messages(self, batch: MessageExtBrokerInner) -> PutMessageResult:
        """Store an encoded batch with one write: all of it or nothing."""
        refusal = self._refusal(batch)
        if refusal is not None:
            return refusal
        host = batch.store_host or self.store_host
        try:
            result, records = self.commit_log.append_batch(batch, host, self._now_millis())
        except StoreError as error:
            return self._not_written(error)
        except (LocalCommandError, RemoteCommandError) as error:
            return PutMessageResult(PutMessageStatus.MESSAGE_ILLEGAL, str(error))
        if self.reput.caught_up:
            self._dispatch_batch(batch, result, records)
        else:
            self.reput.appended()
        return result

    def _refusal(self, message: MessageExtBrokerInner) -> PutMessageResult | None:
        if self.state is not StoreState.RUNNING or not self.flags.writeable:
            return PutMessageResult(PutMessageStatus.SERVICE_NOT_AVAILABLE, "store not writeable")
        if self.config.is_slave:
            return PutMessageResult(PutMessageStatus.SERVICE_NOT_AVAILABLE, "this is a slave")
        if len(message.topic) > TOPIC_MAX_LENGTH:
            return PutMessageResult(PutMessageStatus.MESSAGE_ILLEGAL, "topic too long")
        if len(message.properties) > PROPERTIES_MAX_BYTES:
            return PutMessageResult(
                PutMessageStatus.PROPERTIES_SIZE_EXCEEDED, "properties too long"
            )
        if len(message.body) > self.config.max_message_size:
            return PutMessageResult(PutMessageStatus.MESSAGE_ILLEGAL, "message size exceeded")
        return None

    def _not_written(self, error: StoreError) -> PutMessageResult:
        self._refuse_writes(Reason.DISK_FULL, str(error))
        no_segment = isinstance(error, SegmentError)
        status = (
            PutMessageStatus.CREATE_MAPEDFILE_FAILED
            if no_segment
            else PutMessageStatus.SERVICE_NOT_AVAILABLE
        )
        return PutMessageResult(status, str(error))

    def _refuse_writes(self, reason: Reason, cause: str) -> None:
        if self.flags.set(reason):
            self.host.recorder.emit(catalog.STORE_NOT_WRITEABLE, "DefaultMessageStore", cause)

    # -- dispatch --------------------------------------------------------------------------------

    def _dispatch(self, record: DispatchRequest) -> None:
        """One record of the log, for the reput service."""
        if not record.in_consume_queue:
            return
        self._put_unit(
            record.topic,
            record.queue_id,
            record.queue_offset,
            record.commit_log_offset,
            record.size,
            record.tags_code,
            record.store_timestamp,
            record.properties,
        )

    def _dispatch_appended(self, message: MessageExtBrokerInner, result: PutMessageResult) -> None:
        """The same for a message that was appended just now, without reading it again."""
        offset, stamp = result.commit_log_offset, result.store_timestamp
        self.reput.reput_from_offset = result.next_offset
        if message.sys_flag & TRANSACTION_MASK not in NOT_IN_QUEUES:
            try:
                self._put_unit(
                    message.topic,
                    message.queue_id,
                    result.queue_offset,
                    offset,
                    result.next_offset - offset,
                    self._tags_code(message, stamp),
                    stamp,
                    message.properties,
                )
            except StoreError:
                self._leave_to_reput(offset)
                return
        if not self._gauge_pending:
            self._advanced()

    def _leave_to_reput(self, commit_log_offset: int) -> None:
        self.reput.reput_from_offset = commit_log_offset
        self.reput.appended()

    def _tags_code(self, message: MessageExtBrokerInner, store_timestamp: int) -> int:
        if message.topic != SCHEDULE_TOPIC:
            return message.tags_code
        return queue_tags_code(message.topic, message.properties, store_timestamp, self.levels)

    def _dispatch_batch(
        self, batch: MessageExtBrokerInner, result: PutMessageResult, records: list[AppendedRecord]
    ) -> None:
        stamp = result.store_timestamp
        self.reput.reput_from_offset = result.next_offset
        units = [UNIT.pack(at, size, self._tags_code(m, stamp)) for at, size, m in records]
        try:
            self.queues.put_units(
                batch.topic,
                batch.queue_id,
                result.queue_offset,
                b"".join(units),
                result.next_offset,
            )
        except StoreError:
            self._leave_to_reput(result.commit_log_offset)
            return
        if self._arriving is not None:
            for next_offset, (_, _, m) in enumerate(records, result.queue_offset + 1):
                code = self._tags_code(m, stamp)
                self._arriving(m.topic, m.queue_id, next_offset, code, stamp, m.properties)
        self._advanced()

    def _put_unit(
        self,
        topic: str,
        queue_id: int,
        queue_offset: int,
        commit_log_offset: int,
        size: int,
        tags_code: int,
        store_timestamp: int,
        properties: bytes,
    ) -> None:
        """Make one message visible, and tell whoever waits for it."""
        self.queues.put_unit(topic, queue_id, queue_offset, commit_log_offset, size, tags_code)
        if self._arriving is not None and not self.config.is_slave:
            self._arriving(
                topic, queue_id, queue_offset + 1, tags_code, store_timestamp, properties
            )

    def _queue_failed(self, failures: int, error: StoreError) -> None:
        if failures >= RETRIES_BEFORE_REFUSING:
            self._refuse_writes(Reason.WRITE_LOGICS_QUEUE_ERROR, str(error))

    # -- telling ---------------------------------------------------------------------------------

    def _advanced(self) -> None:
        """Positions changed: tell them soon, once for all that changes until then."""
        if self._gauge_pending or self._loop is None:
            return
        self._gauge_pending = True
        self._loop.call_later(GAUGE_MILLIS / 1_000, self._emit_positions)

    def _emit_positions(self) -> None:
        self._gauge_pending = False
        emit = self.host.recorder.emit
        log = self.commit_log
        emit(
            catalog.STORE_POSITIONS,
            "DefaultMessageStore",
            FOLDER,
            log.max_offset,
            log.files.flushed_where,
            self.reput.reput_from_offset,
            log.min_offset,
        )
        advanced, self.queues.advanced = self.queues.advanced, {}
        for queue in advanced.values():
            emit(
                catalog.STORE_QUEUE_ADVANCED,
                "ReputMessageService",
                queue.topic,
                queue.queue_id,
                queue.max_offset,
                queue.min_offset,
            )
