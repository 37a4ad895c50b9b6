"""The half queue and the op queue: put, read, mark as done, and remember how far all that came.

Java:    broker.transaction.queue.TransactionalMessageServiceImpl, TransactionalMessageBridge,
         broker.transaction.queue.DefaultTransactionalMessageCheckListener
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from minimq.broker.broker_to_client import check_producer_transaction_state
from minimq.broker.transaction.transactional_message_bridge import (
    REMOVE_TAG,
    check_record,
    discarded_message,
    op_message,
    real_topic,
    renew_half_message,
)
from minimq.common.message import MessageExt
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import (
    TRANS_CHECK_MAX_TIME_TOPIC,
    TRANS_CONSUMER_GROUP,
    TRANS_HALF_TOPIC,
    TRANS_OP_HALF_TOPIC,
)
from minimq.protocol.headers import CheckTransactionStateRequestHeader
from minimq.protocol.message_codec import decode_messages
from minimq.store.get_message_plan import GetMessageResult, GetMessageStatus
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

PULL_OP_MESSAGES = 32
QUEUE_ID = 0
"""Half and op messages have one queue each."""


class OpPage(NamedTuple):
    """(half-queue offset, op-queue offset) of each op message; where the next page begins."""

    entries: list[tuple[int, int]]
    next_offset: int


class TransactionalMessageService:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.host = controller.host
        self.store = controller.message_store
        self.offsets = controller.consumer_offset_manager

    # -- writing ---------------------------------------------------------------------------------

    def delete_prepare_message(self, half: MessageExt) -> bool:
        """Nothing is deleted from a log: an op message says that the half is done with."""
        self._ensure_topic(TRANS_OP_HALF_TOPIC)
        now = self.host.clock.now_millis()
        return self.store.put_message(op_message(half, now, self.store.store_host)).stored

    def put_back(self, half: MessageExt, **properties: str) -> bool:
        """A copy at the end of the half queue; `half` then names the copy's place."""
        result = self.store.put_message(renew_half_message(half, **properties))
        if not result.stored:
            return False
        half.properties.update(properties)
        half.queue_offset = result.queue_offset
        half.commit_log_offset = result.commit_log_offset
        half.store_host_bytes = result.store_host
        half.store_timestamp = result.store_timestamp
        return True

    def resolve_discard_msg(self, half: MessageExt) -> None:
        self._ensure_topic(TRANS_CHECK_MAX_TIME_TOPIC)
        self.store.put_message(discarded_message(half))
        self.tell_ended(half, "discard")

    def resolve_half_msg(self, half: MessageExt) -> None:
        """Ask one producer of the group; without one the next round tries again."""
        group = half.get_property(MessageConst.PROPERTY_PRODUCER_GROUP) or ""
        channel = self.controller.producer_manager.get_available_channel(group)
        times = half.get_property(MessageConst.PROPERTY_TRANSACTION_CHECK_TIMES) or "0"
        if channel is None:
            return
        header = CheckTransactionStateRequestHeader(
            tran_state_table_offset=half.queue_offset,
            commit_log_offset=half.commit_log_offset,
            msg_id=half.uniq_key,
            transaction_id=half.uniq_key,
            offset_msg_id=half.offset_msg_id,
        )
        check_producer_transaction_state(channel, header.to_ext(), check_record(half))
        self.host.recorder.emit(
            catalog.BROKER_TRANSACTION_CHECKED,
            "TransactionalMessageCheckService",
            group,
            half.uniq_key,
            int(times) if times.isdecimal() else 0,
        )

    def tell_ended(self, half: MessageExt, outcome: str) -> None:
        self.host.recorder.emit(
            catalog.BROKER_TRANSACTION_ENDED,
            "TransactionalMessageService",
            real_topic(half),
            half.get_property(MessageConst.PROPERTY_PRODUCER_GROUP),
            half.uniq_key,
            half.queue_offset,
            outcome,
        )

    def _ensure_topic(self, topic: str) -> None:
        self.controller.topic_config_manager.create_topic_in_send_message_back_method(topic, 1)

    # -- reading ---------------------------------------------------------------------------------

    def ensure_topics(self) -> None:
        """Java: selectTopicConfig of the two topics, when the check first looks."""
        self._ensure_topic(TRANS_HALF_TOPIC)
        self._ensure_topic(TRANS_OP_HALF_TOPIC)

    def progress(self, topic: str) -> int:
        """How far the check has come, within what the queue has (Java: OFFSET_ILLEGAL)."""
        offset = self.offsets.query_offset(TRANS_CONSUMER_GROUP, topic, QUEUE_ID)
        low = max(self.store.get_min_offset_in_queue(topic, QUEUE_ID), 0)
        high = max(self.store.get_max_offset_in_queue(topic, QUEUE_ID), low)
        if offset < 0:
            return low
        corrected = min(max(offset, low), high)
        if corrected != offset:  # else what comes below it would never be read
            self.set_progress(topic, corrected)
        return corrected

    def set_progress(self, topic: str, offset: int) -> None:
        self.controller.commit_offset(TRANS_CONSUMER_GROUP, topic, QUEUE_ID, offset, "admin")

    def get_half_msg(self, offset: int) -> tuple[MessageExt | None, int]:
        """(the half message, -1), or (None, where to go on; -1 at the end)."""
        result = self.store.get_message(
            TRANS_CONSUMER_GROUP, TRANS_HALF_TOPIC, QUEUE_ID, offset, 1, None
        )
        if result.status is GetMessageStatus.FOUND:
            return decode_messages(b"".join(result.buffers))[0], -1
        ends = (
            GetMessageStatus.OFFSET_OVERFLOW_ONE,
            GetMessageStatus.NO_MESSAGE_IN_QUEUE,
            GetMessageStatus.NO_MATCHED_LOGIC_QUEUE,
        )
        if result.status in ends or result.next_begin_offset == offset:
            return None, -1
        return None, result.next_begin_offset

    def pull_op_msg(self, offset: int) -> OpPage:
        result = self._read_ops(offset)
        if result.status is GetMessageStatus.OFFSET_TOO_SMALL:
            result = self._read_ops(result.next_begin_offset)
        entries = []
        for message in decode_messages(b"".join(result.buffers)):
            text = str(message.stored_body, "ascii", "replace")
            if message.tags == REMOVE_TAG and text.isdecimal():
                entries.append((int(text), message.queue_offset))
        return OpPage(entries, result.next_begin_offset)

    def _read_ops(self, offset: int) -> GetMessageResult:
        return self.store.get_message(
            TRANS_CONSUMER_GROUP, TRANS_OP_HALF_TOPIC, QUEUE_ID, offset, PULL_OP_MESSAGES, None
        )
