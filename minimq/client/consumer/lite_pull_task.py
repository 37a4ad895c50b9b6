"""Pull one queue in the background, as long as it is ours and there is room.

Java:    client.impl.consumer.DefaultLitePullConsumerImpl, its PullTaskImpl
Differs: one task per queue instead of 20 threads for all, so that more than 20 held pulls starve
         nobody.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from minimq.client.consumer.assigned_message_queue import UNKNOWN, MessageQueueState
from minimq.client.consumer.consume_request_cache import ConsumeRequest
from minimq.client.consumer.pull_api_wrapper import Pull
from minimq.client.consumer.pull_result import PullStatus
from minimq.common.host import Host
from minimq.common.message_queue import MessageQueue
from minimq.common.sys_flag import PullSysFlag, build_pull_sys_flag
from minimq.errors import MiniMQError
from minimq.protocol.consumer_enums import ExpressionType
from minimq.protocol.filter_api import build_subscription_data
from minimq.protocol.subscription_data import SUB_ALL
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.consumer.lite_pull_consumer import DefaultLitePullConsumer

FLOW_CONTROL_DELAY_MILLIS = 50
PAUSE_DELAY_MILLIS = 1_000
SERVICE = "PullTask"


class PullTask:
    def __init__(
        self,
        consumer: DefaultLitePullConsumer,
        host: Host,
        mq: MessageQueue,
        state: MessageQueueState,
    ) -> None:
        self._consumer = consumer
        self._host = host
        self.mq = mq
        self.state = state
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"{SERVICE} {mq}")

    def cancel(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        """Java: PullTaskImpl#run, once per round."""
        while self._is_ours():
            delay = self._delay_millis()
            if delay == 0:
                try:
                    await self._pull_once()
                    continue
                except MiniMQError as error:
                    delay = self._consumer.pull_time_delay_millis_when_exception
                    self._tell_failed(error, delay)
            await self._host.pace.sleep(delay)

    def _is_ours(self) -> bool:
        mine = self._consumer.assigned.states.get(self.mq) is self.state
        return mine and not self.state.process_queue.dropped

    def _delay_millis(self) -> int:
        if self.state.paused:
            return PAUSE_DELAY_MILLIS
        limits, pq = self._consumer, self.state.process_queue
        if (
            len(limits.cache) * limits.pull_batch_size > limits.pull_threshold_for_all
            or pq.msg_count > limits.pull_threshold_for_queue
            or pq.size_mib > limits.pull_threshold_size_for_queue
            or pq.max_span() > limits.consume_max_span
        ):
            return FLOW_CONTROL_DELAY_MILLIS
        return 0

    async def _pull_once(self) -> None:
        state, pq = self.state, self.state.process_queue
        pull = self._make_pull(await self._next_pull_offset())
        pq.last_pull_timestamp = self._host.clock.now_millis()
        result = await self._consumer.pull_api_wrapper.pull_sync(pull)
        if pq.dropped or state.seek_offset != UNKNOWN:
            return
        if result.pull_status is PullStatus.FOUND and result.msg_found_list:
            pq.put_message(result.msg_found_list)
            self._consumer.cache.put(ConsumeRequest(result.msg_found_list, self.mq, pq))
        state.pull_offset = pq.next_pull_offset = result.next_begin_offset

    async def _next_pull_offset(self) -> int:
        """Where the user sought to, else after the last pull, else where the group stands."""
        state = self.state
        if state.seek_offset != UNKNOWN:
            offset, state.seek_offset = state.seek_offset, UNKNOWN
            state.consume_offset = offset
            return offset
        if state.pull_offset != UNKNOWN:
            return state.pull_offset
        return await self._consumer.compute_pull_from_where(self.mq)

    def _make_pull(self, offset: int) -> Pull:
        consumer, topic = self._consumer, self.mq.topic
        data = consumer.rebalance.subscription_inner.get(topic)
        if data is None:
            data = build_subscription_data(topic, consumer.expressions.get(topic, SUB_ALL))
        if ExpressionType.is_tag_type(data.expression_type):
            data = build_subscription_data(topic, data.sub_string)
        flags = build_pull_sys_flag(commit_offset=False, suspend=True, subscription=True)
        return Pull(
            self.mq,
            offset,
            consumer.pull_batch_size,
            flags | int(PullSysFlag.LITE_PULL_MESSAGE),
            0,
            data,
            data.sub_string,
            consumer.broker_suspend_max_time_millis,
            consumer.consumer_timeout_millis_when_suspend,
        )

    def _tell_failed(self, error: MiniMQError, delay: int) -> None:
        mq = self.mq
        values = (mq.topic, mq.broker_name, mq.queue_id, str(error), delay)
        emit = self._host.recorder.emit
        emit(catalog.PULL_FAILED, SERVICE, self._consumer.consumer_group, *values)
