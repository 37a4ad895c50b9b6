"""Put messages into the log, and make them visible in their queues at once.

Java:    store.DefaultMessageStore (its writing half), CommitLog.asyncPutMessage
Posts:   RocketMQ生产消费流程浅析
Differs: a put answers at once; if it must wait for the disk or a slave, its result carries a
         future. What was appended is dispatched in the same call, without reading it again.
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.common.host import Host
from minimq.common.message import MessageConst
from minimq.common.mix_all import SCHEDULE_TOPIC, TOPIC_MAX_LENGTH
from minimq.common.sys_flag import TRANSACTION_MASK
from minimq.errors import LocalCommandError, RemoteCommandError, StoreError
from minimq.protocol.message_codec import PROPERTIES_MAX_BYTES, encode_host, find_property
from minimq.store.batch_records import batch_tags_codes, batch_units
from minimq.store.commit_log import SegmentError
from minimq.store.consume_queue import UNIT
from minimq.store.dispatch import (
    FOLDER_NAMES_REMEMBERED,
    NOT_IN_QUEUES,
    DelayLevels,
    DispatchRequest,
    is_folder_name,
    queue_tags_code,
)
from minimq.store.index_keys import NotedRecord
from minimq.store.index_service import IndexService
from minimq.store.put_completion import PutCompletion, Waiter
from minimq.store.put_message import (
    MessageExtBrokerInner,
    PutMessageResult,
    PutMessageStatus,
    tags_code_of,
)
from minimq.store.reput_message_service import RETRIES_BEFORE_REFUSING, ReputMessageService
from minimq.store.running_flags import Reason, RunningFlags
from minimq.store.schedule_message_service import ScheduleMessageService
from minimq.store.store_config import MessageStoreConfig
from minimq.store.store_reader import StoreReader
from minimq.telemetry import catalog

ArrivingListener = Callable[[str, int, int, int, int, bytes], None]
"""(topic, queue_id, max_offset, tags_code, store_timestamp, properties) of a new message."""

SERVICE = "DefaultMessageStore"
_UNIQ_KEY = MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX.encode()


class StoreWriter(StoreReader):
    """Accepts puts while `accepting`, the store can be written and it is no slave."""

    def __init__(self, host: Host, config: MessageStoreConfig, store_host: str) -> None:
        super().__init__(host, config)
        self.store_host = encode_host(store_host)
        self.flags = RunningFlags()
        self.levels = DelayLevels(config.message_delay_level)
        self.index = IndexService(host, self.commit_log, self.levels)
        self.accepting = False
        self.schedule = ScheduleMessageService(host, self, config, self.levels)
        self.reput = ReputMessageService(
            host, self.commit_log, self.levels, self._dispatch, self._queue_tried, self._advanced
        )
        self.dispatched_timestamp = 0
        """Store time of the newest message that is visible."""
        self._now_millis = host.clock.now_millis
        self._recorder = host.recorder
        self._is_slave = config.is_slave
        self._body_max = config.max_message_size
        self._sound_topics: set[str] = set()
        """Their names were looked at."""
        self._arriving: ArrivingListener | None = None
        self._waiters: list[Waiter] = []
        """What a put that waits for more than the append waits for."""

    def set_message_arriving_listener(self, listener: ArrivingListener | None) -> None:
        """It is called for each new message, in the call that stored it; not on a slave."""
        self._arriving = listener

    # -- put -------------------------------------------------------------------------------------

    def put_message(self, message: MessageExtBrokerInner) -> PutMessageResult:
        """Store one message. One with a delay level goes to the schedule topic first."""
        if (
            message.topic not in self._sound_topics
            or not self.flags.writeable
            or not self.accepting
            or len(message.properties) > PROPERTIES_MAX_BYTES
            or len(message.body) > self._body_max
        ):
            refusal = self._refusal(message)
            if refusal is not None:
                return refusal
        in_queue = message.sys_flag & TRANSACTION_MASK not in NOT_IN_QUEUES
        if in_queue and message.delay_time_level != 0 and message.find_delay_time_level() > 0:
            self.schedule.redirect(message)
        log = self.commit_log
        rolled = log.segments_rolled
        try:
            result = log.append(message, message.store_host or self.store_host, self._now_millis())
        except (StoreError, LocalCommandError) as error:
            return self._not_written(error)
        if rolled != log.segments_rolled:
            self._rolled()
        record = (
            result.commit_log_offset,
            result.next_offset,
            message.topic,
            message.properties,
            message.sys_flag,
            result.store_timestamp,
        )
        if self._recorder.listening:
            self._tell_appended(message.topic, message.queue_id, result.queue_offset, record)
        self.index.note(record)
        if self.reput.caught_up:
            self._dispatch_appended(message, result, in_queue)
        else:
            self.reput.appended()
        self._appended()
        if self._waiters:
            self._wait_for_others(message, result)
        return result

    def put_messages(self, batch: MessageExtBrokerInner) -> PutMessageResult:
        """Store an encoded batch with one write: all of it or nothing."""
        refusal = self._refusal(batch)
        if refusal is not None:
            return refusal
        if batch.find_delay_time_level() > 0 or batch.sys_flag & TRANSACTION_MASK:
            why = "a batch cannot be delayed or part of a transaction"
            return PutMessageResult(PutMessageStatus.MESSAGE_ILLEGAL, why)
        host = batch.store_host or self.store_host
        rolled = self.commit_log.segments_rolled
        try:
            result, records = self.commit_log.append_batch(batch, host, self._now_millis())
        except (StoreError, LocalCommandError, RemoteCommandError) as error:
            return self._not_written(error)
        if rolled != self.commit_log.segments_rolled:
            self._rolled()
        if self._recorder.listening:
            for place, record in enumerate(records, result.queue_offset):
                self._tell_appended(batch.topic, batch.queue_id, place, record)
        self.index.note_all(records)
        if self.reput.caught_up:
            self._dispatch_batch(batch, result, records)
        else:
            self.reput.appended()
        self._appended()
        if self._waiters:
            self._wait_for_others(batch, result)
        return result

    def _refusal(self, message: MessageExtBrokerInner) -> PutMessageResult | None:
        if not self.accepting or not self.flags.writeable:
            why = self.flags.bits.name or "store is not running"
            return PutMessageResult(PutMessageStatus.SERVICE_NOT_AVAILABLE, why)
        if len(message.topic) > TOPIC_MAX_LENGTH:
            return PutMessageResult(PutMessageStatus.MESSAGE_ILLEGAL, "topic length too long")
        if not is_folder_name(message.topic):
            return PutMessageResult(PutMessageStatus.MESSAGE_ILLEGAL, "topic is no folder's name")
        if len(message.properties) > PROPERTIES_MAX_BYTES:
            status = PutMessageStatus.PROPERTIES_SIZE_EXCEEDED
            return PutMessageResult(status, "properties length too long")
        if len(message.body) > self._body_max:
            return PutMessageResult(PutMessageStatus.MESSAGE_ILLEGAL, "message size exceeded")
        if len(self._sound_topics) >= FOLDER_NAMES_REMEMBERED:
            self._sound_topics.clear()
        self._sound_topics.add(message.topic)
        return None

    def _not_written(self, error: Exception) -> PutMessageResult:
        """Nothing was appended: either the message is wrong, or the disk does not take it."""
        if not isinstance(error, StoreError):
            return PutMessageResult(PutMessageStatus.MESSAGE_ILLEGAL, str(error))
        self.refuse_writes(Reason.DISK_FULL, str(error))
        if isinstance(error, SegmentError):
            return PutMessageResult(PutMessageStatus.CREATE_MAPEDFILE_FAILED, str(error))
        return PutMessageResult(PutMessageStatus.SERVICE_NOT_AVAILABLE, str(error))

    def refuse_writes(self, reason: Reason, cause: str) -> None:
        if self.flags.set(reason):
            self._recorder.emit(catalog.STORE_NOT_WRITEABLE, SERVICE, cause)

    def _wait_for_others(self, message: MessageExtBrokerInner, result: PutMessageResult) -> None:
        if message.waits_for_store():
            PutCompletion(result, self._waiters)

    # -- dispatch --------------------------------------------------------------------------------

    def _dispatch(self, record: DispatchRequest) -> None:
        """One record of the log, for the reput service."""
        if self._is_slave:
            self.commit_log.store_timestamp = record.store_timestamp
        if not record.in_consume_queue:
            return
        topic, queue_id, place = record.topic, record.queue_id, record.queue_offset
        offset, size, code = record.commit_log_offset, record.size, record.tags_code
        self.queues.put_units(topic, queue_id, place, UNIT.pack(offset, size, code))
        self.dispatched_timestamp = record.store_timestamp
        if self._recorder.listening:
            self._tell_dispatched(topic, queue_id, place, offset, size)
        self._arrived(topic, queue_id, place, code, record.store_timestamp, record.properties)

    def _dispatch_appended(
        self, message: MessageExtBrokerInner, result: PutMessageResult, in_queue: bool
    ) -> None:
        """The same for a message that was appended just now."""
        self.reput.reput_from_offset = end = result.next_offset
        if in_queue:
            topic, queue_id, properties = message.topic, message.queue_id, message.properties
            place, offset, stamp = (
                result.queue_offset,
                result.commit_log_offset,
                result.store_timestamp,
            )
            if topic == SCHEDULE_TOPIC:
                code = queue_tags_code(topic, properties, stamp, self.levels)
            else:
                code = tags_code_of(properties)
            unit = UNIT.pack(offset, end - offset, code)
            try:
                self.queues.put_units(topic, queue_id, place, unit)
            except StoreError:
                self._leave_to_reput(offset)
                return
            self.dispatched_timestamp = stamp
            if self._recorder.listening:
                self._tell_dispatched(topic, queue_id, place, offset, end - offset)
            self._arrived(topic, queue_id, place, code, stamp, properties)
        self._advanced()

    def _dispatch_batch(
        self, batch: MessageExtBrokerInner, result: PutMessageResult, records: list[NotedRecord]
    ) -> None:
        """The same for a batch, with one write to its queue."""
        topic, queue_id = batch.topic, batch.queue_id
        stamp, first = result.store_timestamp, result.queue_offset
        self.reput.reput_from_offset = result.next_offset
        codes = batch_tags_codes(records, self.levels)
        units = batch_units(records, codes)
        try:
            self.queues.put_units(topic, queue_id, first, units)
        except StoreError:
            self._leave_to_reput(result.commit_log_offset)
            return
        self.dispatched_timestamp = stamp
        if self._recorder.listening:
            for place, record in enumerate(records, first):
                self._tell_dispatched(topic, queue_id, place, record[0], record[1] - record[0])
        last_with = {code: place for place, code in enumerate(codes)}
        for code, place in last_with.items():  # who waits asks for tags, not for single messages
            self._arrived(topic, queue_id, first + place, code, stamp, records[place][3])
        self._advanced()

    def _leave_to_reput(self, commit_log_offset: int) -> None:
        """The queue could not be written: the reput service tries again."""
        self.reput.reput_from_offset = commit_log_offset
        self.reput.appended()

    def _arrived(
        self,
        topic: str,
        queue_id: int,
        queue_offset: int,
        tags_code: int,
        store_timestamp: int,
        properties: bytes,
    ) -> None:
        if self._is_slave:
            return
        if topic == SCHEDULE_TOPIC:
            self.schedule.message_came()
        if self._arriving is not None:
            self._arriving(
                topic, queue_id, queue_offset + 1, tags_code, store_timestamp, properties
            )

    def _queue_tried(self, failures: int, cause: str) -> None:
        """A queue could not be written so many times; 0: it can be written again."""
        if failures >= RETRIES_BEFORE_REFUSING:
            self.refuse_writes(Reason.WRITE_LOGICS_QUEUE_ERROR, cause)
        elif not failures:
            self.flags.clear(Reason.WRITE_LOGICS_QUEUE_ERROR)

    # -- for the layer above ---------------------------------------------------------------------

    def _appended(self) -> None:
        """The log has grown."""

    def _rolled(self) -> None:
        """A new segment was begun."""

    def _advanced(self) -> None:
        """Positions have changed."""

    # -- telling ---------------------------------------------------------------------------------

    def _tell_appended(
        self, topic: str, queue_id: int, queue_offset: int, record: NotedRecord
    ) -> None:
        offset, end, _, properties, _, _ = record
        self._recorder.emit(
            catalog.STORE_APPENDED,
            "CommitLog",
            topic,
            queue_id,
            queue_offset,
            offset,
            end - offset,
            find_property(properties, _UNIQ_KEY) or "",
        )

    def _tell_dispatched(
        self, topic: str, queue_id: int, queue_offset: int, commit_log_offset: int, size: int
    ) -> None:
        self._recorder.emit(
            catalog.STORE_DISPATCHED,
            "ReputMessageService",
            topic,
            queue_id,
            queue_offset,
            commit_log_offset,
            size,
        )
