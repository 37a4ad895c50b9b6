"""What administrators and slaves ask about offsets: progress, lag, resets, clones.

Java:    broker.processor.AdminBrokerProcessor, broker.client.net.Broker2Client.resetOffset
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minimq.common.message_queue import MessageQueue
from minimq.protocol import headers
from minimq.protocol.body import (
    ConsumeStats,
    ConsumeStatsList,
    GetConsumerStatusBody,
    OffsetWrapper,
    QueryConsumeTimeSpanBody,
    QueryCorrectionOffsetBody,
    QueueTimeSpan,
    ResetOffsetBody,
    TopicConfig,
)
from minimq.protocol.json_body import dump
from minimq.protocol.language_code import LanguageCode
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import ResponseError

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

Handler = Callable[[Connection, RemotingCommand], RemotingCommand | None]

RESET_VERSION = 28
"""3.0.7: older clients do not understand requests 220 and 221."""
STATUS_TIMEOUT_MILLIS = 5_000
NO_LIMIT = 2**63 - 1
TO_THE_END = -1


class AdminOffsetsProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.store = controller.message_store
        self.offsets = controller.consumer_offset_manager
        self.consumers = controller.consumer_manager
        self.handlers: dict[int, Handler] = {
            RequestCode.GET_ALL_CONSUMER_OFFSET: self.get_all_consumer_offset,
            RequestCode.GET_ALL_DELAY_OFFSET: self.get_all_delay_offset,
            RequestCode.GET_CONSUME_STATS: self.get_consume_stats,
            RequestCode.GET_BROKER_CONSUME_STATS: self.get_broker_consume_stats,
            RequestCode.QUERY_CONSUME_TIME_SPAN: self.query_consume_time_span,
            RequestCode.QUERY_CORRECTION_OFFSET: self.query_correction_offset,
            RequestCode.CLONE_GROUP_OFFSET: self.clone_group_offset,
            RequestCode.INVOKE_BROKER_TO_RESET_OFFSET: self.reset_offset,
            RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS: self.get_consumer_status,
        }

    def process_request(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        return self.handlers[request.code](connection, request)

    def _queue(self, topic: str, queue_id: int) -> MessageQueue:
        return MessageQueue(topic, self.controller.config.broker_name, queue_id)

    # -- for slaves ------------------------------------------------------------------------------

    def get_all_consumer_offset(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return request.create_response(body=self.offsets.build_wrapper().encode())

    def get_all_delay_offset(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return request.create_response(body=dump(self.store.schedule.encode()))

    # -- progress --------------------------------------------------------------------------------

    def get_consume_stats(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.GetConsumeStatsRequestHeader.from_ext(request.ext_fields)
        group = header.consumer_group
        stats = ConsumeStats()
        topics = [header.topic] if header.topic else self.offsets.which_topic_by_consumer(group)
        for topic in topics:
            config = self._consumed_topic(group, topic)
            if config is not None:
                self._add_progress(stats, group, topic, config.read_queue_nums)
        return request.create_response(body=stats.encode())

    def _consumed_topic(self, group: str, topic: str) -> TopicConfig | None:
        """None for topics that are gone, or that the group, being online, does not want."""
        config = self.controller.topic_config_manager.select_topic_config(topic)
        info = self.consumers.get_consumer_group_info(group)
        subscriptions = info.subscription_table if info else {}
        return None if subscriptions and topic not in subscriptions else config

    def _add_progress(self, stats: ConsumeStats, group: str, topic: str, queues: int) -> None:
        for queue_id in range(queues):
            consumer_offset = max(self.offsets.query_offset(group, topic, queue_id), 0)
            stamp = 0
            if consumer_offset > 0:
                last = consumer_offset - 1
                stamp = max(self.store.get_message_store_time_stamp(topic, queue_id, last), 0)
            stats.offset_table[self._queue(topic, queue_id)] = OffsetWrapper(
                self.store.get_max_offset_in_queue(topic, queue_id), consumer_offset, stamp
            )
        now = self.controller.host.clock.now_millis()
        stats.consume_tps += self.controller.stats.group_get_tps(group, topic, now)

    def get_broker_consume_stats(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        """Of every group and topic that has offsets here."""
        only_ordered = headers.GetConsumeStatsInBrokerHeader.from_ext(request.ext_fields).is_order
        answer = ConsumeStatsList(broker_addr=self.controller.address)
        for group in self.controller.subscription_group_manager.subscription_group_table:
            found = []
            for topic in self.offsets.which_topic_by_consumer(group):
                config = self._consumed_topic(group, topic)
                if config is None or (only_ordered and not config.order):
                    continue
                stats = ConsumeStats()
                self._add_progress(stats, group, topic, config.write_queue_nums)
                answer.total_diff += stats.compute_total_diff()
                found.append(stats)
            answer.consume_stats_list.append({group: found})
        return request.create_response(body=answer.encode())

    def query_consume_time_span(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.QueryConsumeTimeSpanRequestHeader.from_ext(request.ext_fields)
        config = self.controller.existing_topic(header.topic)
        spans = [
            self._time_span(header.group, header.topic, queue_id)
            for queue_id in range(config.write_queue_nums)
        ]
        return request.create_response(body=QueryConsumeTimeSpanBody(spans).encode())

    def _time_span(self, group: str, topic: str, queue_id: int) -> QueueTimeSpan:
        store = self.store
        span = QueueTimeSpan(self._queue(topic, queue_id))
        end = store.get_max_offset_in_queue(topic, queue_id)
        span.min_time_stamp = store.get_earliest_message_time(topic, queue_id)
        span.max_time_stamp = store.get_message_store_time_stamp(topic, queue_id, end - 1)
        offset = self.offsets.query_offset(group, topic, queue_id)
        span.consume_time_stamp = span.min_time_stamp
        if offset > 0:
            last = store.get_message_store_time_stamp(topic, queue_id, offset - 1)
            span.consume_time_stamp = last
        if offset < end:
            waiting = store.get_message_store_time_stamp(topic, queue_id, max(offset, 0))
            span.delay_time = self.controller.host.clock.now_millis() - waiting
        return span

    def query_correction_offset(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.QueryCorrectionOffsetHeader.from_ext(request.ext_fields)
        others = [group for group in (header.filter_groups or "").split(",") if group]
        smallest = self.offsets.query_min_offset_in_all_group(header.topic, others)
        compared = self.offsets.query_offsets(header.compare_group, header.topic)
        for queue_id, offset in compared.items():
            if smallest.get(queue_id, offset) > offset:
                smallest[queue_id] = NO_LIMIT
        return request.create_response(body=QueryCorrectionOffsetBody(smallest).encode())

    def clone_group_offset(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.CloneGroupOffsetRequestHeader.from_ext(request.ext_fields)
        source = header.src_group
        topics = [header.topic] if header.topic else self.offsets.which_topic_by_consumer(source)
        topic_table = self.controller.topic_config_manager.topic_config_table
        for topic in topics:
            if header.offline:
                wanted = topic in topic_table
            else:
                wanted = self._consumed_topic(source, topic) is not None
            if wanted:
                self.offsets.clone_offset(source, header.dest_group, topic)
        return request.create_response()

    # -- resets ----------------------------------------------------------------------------------

    def reset_offset(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        """Tell the members where to go; they commit it themselves."""
        header = headers.ResetOffsetRequestHeader.from_ext(request.ext_fields)
        body = ResetOffsetBody(self._reset_table(header))
        info = self.consumers.get_consumer_group_info(header.group)
        if info is None or not info.channel_info_table:
            remark = (
                f"Consumer not online, so can not reset offset, Group: {header.group} "
                f"Topic: {header.topic} Timestamp: {header.timestamp}"
            )
            return request.create_response(ResponseCode.CONSUMER_NOT_ONLINE, remark)
        for member in info.channel_info_table.values():
            if member.version < RESET_VERSION:
                remark = f"the client does not support this feature. version={member.version}"
                return request.create_response(ResponseCode.SYSTEM_ERROR, remark)
        cpp = request.language is LanguageCode.CPP
        payload = body.encode_list_form() if cpp else body.encode()
        for channel in info.channel_info_table:
            code = RequestCode.RESET_CONSUMER_CLIENT_OFFSET
            channel.invoke_oneway(RemotingCommand.create_request(code, header.to_ext(), payload))
        return request.create_response(body=body.encode())

    def _reset_table(self, header: headers.ResetOffsetRequestHeader) -> dict[MessageQueue, int]:
        topic, group = header.topic, header.group
        config = self.controller.topic_config_manager.select_topic_config(topic)
        if config is None:
            remark = f"[reset-offset] reset offset failed, no topic in this broker. topic={topic}"
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
        table = {}
        for queue_id in range(config.write_queue_nums):
            present = self.offsets.query_offset(group, topic, queue_id)
            if present < 0:
                remark = f"THe consumer group <{group}> not exist"
                raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
            if header.timestamp == TO_THE_END:
                target = self.store.get_max_offset_in_queue(topic, queue_id)
            else:
                target = self.store.get_offset_in_queue_by_time(topic, queue_id, header.timestamp)
            # Without force a reset only goes back.
            wanted = header.is_force or target < present
            table[self._queue(topic, queue_id)] = max(target, 0) if wanted else present
        return table

    def get_consumer_status(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        header = headers.GetConsumerStatusRequestHeader.from_ext(request.ext_fields)
        coming = self._ask_status(request, header)
        self.controller.later_answers.answer(connection, request, coming)
        return None

    async def _ask_status(
        self, request: RemotingCommand, header: headers.GetConsumerStatusRequestHeader
    ) -> RemotingCommand:
        """Ask one member, or all in turn, for the offsets in their memory."""
        info = self.consumers.get_consumer_group_info(header.group)
        if info is None or not info.channel_info_table:
            remark = f"No Any Consumer online in the consumer group: [{header.group}]"
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
        found = GetConsumerStatusBody()
        for member in list(info.channel_info_table.values()):
            if header.client_addr and member.client_id != header.client_addr:
                continue
            if member.version < RESET_VERSION:
                remark = f"the client does not support this feature. version={member.version}"
                raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
            ask = RemotingCommand.create_request(
                RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, header.to_ext()
            )
            answer = await member.channel.invoke(ask, STATUS_TIMEOUT_MILLIS)
            if answer.code == ResponseCode.SUCCESS and answer.body:
                table = GetConsumerStatusBody.decode(answer.body).message_queue_table
                found.consumer_table[member.client_id] = table
        return request.create_response(body=found.encode())
