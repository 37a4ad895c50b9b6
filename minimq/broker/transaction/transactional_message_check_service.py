"""Ask producers about half messages that nobody decided.

Java:    broker.transaction.TransactionalMessageCheckService, TransactionalMessageServiceImpl.check
Posts:   RocketMQ生产消费流程浅析, 事务回查
Differs: a pass ends after a number of messages instead of after 60 seconds, because the loop has
         other work too.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from minimq.broker.transaction.transactional_message_service import (
    OpPage,
    TransactionalMessageService,
)
from minimq.common.message import MessageExt
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import TRANS_HALF_TOPIC, TRANS_OP_HALF_TOPIC
from minimq.common.service_task import ServiceTask

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

HALF_MESSAGES_PER_PASS_MAX = 5_000
NULL_READS_MAX = 1
"""Java: MAX_RETRY_COUNT_WHEN_HALF_NULL."""

_CHECK_TIMES = MessageConst.PROPERTY_TRANSACTION_CHECK_TIMES
_IMMUNITY = MessageConst.PROPERTY_CHECK_IMMUNITY_TIME_IN_SECONDS
_FIRST_OFFSET = MessageConst.PROPERTY_TRANSACTION_PREPARED_QUEUE_OFFSET


class Verdict(Enum):
    """What to do with a half message whose decision is not known."""

    DISCARD = auto()
    STOP = auto()
    """Too young, and so are all behind it: end the pass."""
    SPARE = auto()
    """Its producer asked for more time: to the end of the queue, unasked."""
    ASK = auto()


def judge(
    half: MessageExt,
    *,
    now_millis: int,
    pass_began: int,
    check_max: int,
    patience_millis: float,
    reserved_millis: float,
    pace: float = 1.0,
) -> Verdict:
    """Java: needDiscard, needSkip and the ages in check()."""
    age = now_millis - half.born_timestamp
    if _number(half, _CHECK_TIMES, 0) >= check_max or age > reserved_millis:
        return Verdict.DISCARD
    if half.store_timestamp >= pass_began:
        return Verdict.STOP
    immunity = half.get_property(_IMMUNITY)
    if immunity is not None:
        seconds = _number(half, _IMMUNITY, -1)
        if age < (patience_millis if seconds < 0 else seconds * 1_000 / pace):
            return Verdict.SPARE
    elif 0 <= age < patience_millis:
        return Verdict.STOP
    return Verdict.ASK


def _number(half: MessageExt, name: str, otherwise: int) -> int:
    try:
        return int(half.get_property(name) or otherwise)
    except ValueError:
        return otherwise


def contiguous_op_offset(done: list[int], op_offset: int) -> int:
    """Java: calculateOpOffset; how far the op queue is done with without a gap."""
    for offset in sorted(done):
        if offset != op_offset:
            break
        op_offset += 1
    return op_offset


class TransactionalMessageCheckService(ServiceTask):
    service_name = "TransactionalMessageCheckService"

    def __init__(self, controller: BrokerController) -> None:
        super().__init__(controller.host)
        self.controller = controller

    async def run_once(self) -> None:
        """Every minute."""
        await self.wait_for_running(self.controller.config.transaction_check_interval)
        if not self.stopped and not self.controller.is_slave:
            CheckPass(self.controller).run()


class CheckPass:
    """One walk over the half queue, from where the last one ended."""

    def __init__(self, controller: BrokerController) -> None:
        config, pace = controller.config, controller.host.pace
        self.service: TransactionalMessageService = controller.transactional_message_service
        self.clock = controller.host.clock
        self.began = self.clock.now_millis()
        self.check_max = config.transaction_check_max
        self.patience_millis = pace.wait_millis(config.transaction_time_out)
        self.reserved_millis = controller.store_config.file_reserved_time * 3_600_000
        self.pace = pace.factor
        self.removed: dict[int, int] = {}
        """Half-queue offset → op-queue offset, of what is decided."""
        self.done_ops: list[int] = []

    def run(self) -> None:
        service = self.service
        service.ensure_topics()
        half_offset = service.progress(TRANS_HALF_TOPIC)
        op_offset = service.progress(TRANS_OP_HALF_TOPIC)
        self._ops = self._read_ops(op_offset, half_offset)
        next_offset = self._walk(half_offset)
        if next_offset != half_offset:
            service.set_progress(TRANS_HALF_TOPIC, next_offset)
        next_op = contiguous_op_offset(self.done_ops, op_offset)
        if next_op != op_offset:
            service.set_progress(TRANS_OP_HALF_TOPIC, next_op)

    def _read_ops(self, offset: int, first_half: int) -> OpPage:
        """Java: fillOpRemoveMap."""
        page = self.service.pull_op_msg(offset)
        for half_offset, op_offset in page.entries:
            if half_offset < first_half:
                self.done_ops.append(op_offset)
            else:
                self.removed[half_offset] = op_offset
        return page

    def _walk(self, first: int) -> int:
        """Returns the offset to begin with next time."""
        at, null_reads = first, 0
        for _ in range(HALF_MESSAGES_PER_PASS_MAX):
            if at in self.removed:
                self.done_ops.append(self.removed.pop(at))
                at += 1
                continue
            half, go_on_at = self.service.get_half_msg(at)
            if half is None:
                null_reads += 1
                if null_reads > NULL_READS_MAX or go_on_at < 0:
                    return at
                at = go_on_at
                continue
            verdict = self._judge(half)
            if verdict is Verdict.STOP:
                return at
            if verdict is Verdict.ASK and self._ops.entries:
                # Its decision may stand further on in the op queue.
                self._ops = self._read_ops(self._ops.next_offset, first)
                continue
            if not self._carry_out(verdict, half):
                return at
            at += 1
        return at

    def _judge(self, half: MessageExt) -> Verdict:
        return judge(
            half,
            now_millis=self.clock.now_millis(),
            pass_began=self.began,
            check_max=self.check_max,
            patience_millis=self.patience_millis,
            reserved_millis=self.reserved_millis,
            pace=self.pace,
        )

    def _carry_out(self, verdict: Verdict, half: MessageExt) -> bool:
        """False if the store does not take the copy: the pass ends here."""
        if verdict is Verdict.DISCARD:
            self.service.resolve_discard_msg(half)
            return True
        times = str(_number(half, _CHECK_TIMES, 0) + 1)
        if verdict is Verdict.SPARE:
            return self._spare(half, times)
        if not self.service.put_back(half, **{_CHECK_TIMES: times}):
            return False
        self.service.resolve_half_msg(half)
        return True

    def _spare(self, half: MessageExt, times: str) -> bool:
        """Java: checkPrepareQueueOffset. The copy remembers its first offset, which ops name."""
        first = _number(half, _FIRST_OFFSET, half.queue_offset)
        if first in self.removed and half.get_property(_FIRST_OFFSET) is not None:
            self.done_ops.append(self.removed.pop(first))
            return True
        return self.service.put_back(half, **{_FIRST_OFFSET: str(first), _CHECK_TIMES: times})
