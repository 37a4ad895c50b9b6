"""Keep messages with a delay level aside, and put them into their real topic when they are due.

Java:    store.schedule.ScheduleMessageService, DeliverDelayedMessageTimerTask
Posts:   RocketMQ生产消费流程浅析
Differs: one loop looks at all levels every 100 ms (4.9.8: a timer per level, same period), and
         rests while no level holds a message. Pace shortens the delay when it is judged; what the
         queue says stays RocketMQ's time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.common.config_manager import load_json_table, persist_json_table
from minimq.common.message import (
    MessageConst,
    MessageExt,
    properties_to_string,
    string_to_properties,
)
from minimq.common.mix_all import SCHEDULE_TOPIC, TRANS_HALF_TOPIC
from minimq.common.service_task import ServiceTask
from minimq.store.consume_queue import ConsumeQueue
from minimq.store.dispatch import DelayLevels
from minimq.store.put_message import MessageExtBrokerInner, PutMessageStatus, copy_to_store
from minimq.store.store_config import MessageStoreConfig
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.common.host import Host
    from minimq.store.store_writer import StoreWriter

DELAY_OFFSET_FILE = "config/delayOffset.json"
FIRST_DELAY_MILLIS = 1_000
DELAY_FOR_A_WHILE_MILLIS = 100
IDLE_MILLIS = 10_000
"""Without any delayed message the loop sleeps until one comes."""
DELIVERIES_PER_LEVEL_MAX = 200
"""Of one pass; a level with more goes on in the next."""


def delay_level_to_queue_id(level: int) -> int:
    return level - 1


class ScheduleMessageService(ServiceTask):
    """`offset_table`: level → queue offset of the next message to look at."""

    service_name = "ScheduleMessageService"

    def __init__(
        self,
        host: Host,
        store: StoreWriter,
        config: MessageStoreConfig,
        levels: DelayLevels,
    ) -> None:
        super().__init__(host)
        self._store = store
        self._config = config
        self.levels = levels
        self.offset_table: dict[int, int] = {}
        self._last_persist = 0.0
        self._began = False
        self._resting = False

    # -- redirecting -----------------------------------------------------------------------------

    def redirect(self, message: MessageExtBrokerInner) -> None:
        """Send a message with a delay level to the schedule topic; remember where it belongs."""
        level = min(message.find_delay_time_level(), self.levels.max_level)
        properties = string_to_properties(message.properties.decode("utf-8", "replace"))
        properties[MessageConst.PROPERTY_REAL_TOPIC] = message.topic
        properties[MessageConst.PROPERTY_REAL_QUEUE_ID] = str(message.queue_id)
        message.properties = properties_to_string(properties).encode("utf-8", "replace")
        message.topic = SCHEDULE_TOPIC
        message.queue_id = delay_level_to_queue_id(level)

    # -- the loop --------------------------------------------------------------------------------

    async def run_once(self) -> None:
        if not self._began:
            self._began = True
            await self.wait_for_running(FIRST_DELAY_MILLIS)
        self._resting = not self.deliver_due(self.host.clock.now_millis())
        self._persist_if_due()
        await self.wait_for_running(IDLE_MILLIS if self._resting else DELAY_FOR_A_WHILE_MILLIS)

    def message_came(self) -> None:
        """A level holds a message: go back to looking every 100 ms."""
        if self._resting:
            self._resting = False
            self.wakeup()

    def deliver_due(self, now_millis: int) -> bool:
        """Look once at every level; True if any still holds a message."""
        waiting = False
        for level in range(1, self.levels.max_level + 1):
            queue = self._store.get_consume_queue(SCHEDULE_TOPIC, delay_level_to_queue_id(level))
            if queue is not None and self.offset_table.get(level, 0) < queue.max_offset:
                waiting |= self._deliver_level(level, queue, now_millis)
        return waiting

    def _deliver_level(self, level: int, queue: ConsumeQueue, now_millis: int) -> bool:
        """In order: the first message that is not due, or cannot be stored, ends the round."""
        offset = max(self.offset_table.get(level, 0), queue.min_offset)
        last = min(queue.max_offset, offset + DELIVERIES_PER_LEVEL_MAX)
        while offset < last:
            unit = queue.get_unit(offset)
            if unit is not None and not self._is_due(level, unit[2], now_millis):
                break
            message = self._store.look_message_by_offset(unit[0], unit[1]) if unit else None
            if message is not None and not self._deliver(level, message):
                break
            offset += 1
        self.offset_table[level] = offset
        return offset < queue.max_offset

    def _is_due(self, level: int, deliver_timestamp: int, now_millis: int) -> bool:
        delay = self.levels.millis[level]
        if deliver_timestamp > now_millis + delay:
            return True  # the clock was set back, or the level was shortened: do not wait for it
        return deliver_timestamp - delay + self.host.pace.wait_millis(delay) <= now_millis

    def _deliver(self, level: int, delayed: MessageExt) -> bool:
        """Store it again where it belongs; True if it is done, or can never be."""
        message = message_to_deliver(delayed)
        if message.topic == TRANS_HALF_TOPIC:
            return True
        result = self._store.put_message(message)
        if not result.stored:
            return result.status in _NEVER
        recorder = self.host.recorder
        if recorder.listening:
            recorder.emit(
                catalog.BROKER_DELAY_DELIVERED,
                self.service_name,
                level,
                message.topic,
                delayed.uniq_key or "",
            )
        return True

    # -- keeping ---------------------------------------------------------------------------------

    def load(self) -> None:
        table = load_json_table(self.host.file_system, DELAY_OFFSET_FILE) or {}
        self.decode(table)

    def decode(self, table: dict[object, object]) -> None:
        """Take over a table as `encode` writes it, a master's too."""
        offsets = table.get("offsetTable")
        if isinstance(offsets, dict):
            self.offset_table = {int(level): int(offset) for level, offset in offsets.items()}

    def encode(self) -> dict[str, object]:
        return {"offsetTable": dict(self.offset_table)}

    def persist(self) -> None:
        persist_json_table(self.host.file_system, DELAY_OFFSET_FILE, self.encode())

    def _persist_if_due(self) -> None:
        now = self.host.pace.paced_now()
        if now >= self._last_persist + self._config.flush_delay_offset_interval:
            self._last_persist = now
            self.persist()


_NEVER = (PutMessageStatus.MESSAGE_ILLEGAL, PutMessageStatus.PROPERTIES_SIZE_EXCEEDED)


def message_to_deliver(delayed: MessageExt) -> MessageExtBrokerInner:
    """The copy for the real topic. DELAY stays in the properties, but is not obeyed again."""
    properties = delayed.properties
    topic = properties.get(MessageConst.PROPERTY_REAL_TOPIC, delayed.topic)
    queue_id = properties.get(MessageConst.PROPERTY_REAL_QUEUE_ID, "0")
    number = int(queue_id) if queue_id.isdecimal() else 0
    copy = copy_to_store(delayed, topic, number, delayed.properties_bytes)
    copy.delay_time_level = 0
    return copy
