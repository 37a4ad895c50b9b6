"""What administrators and slaves ask about topics and groups.

Java:    broker.processor.AdminBrokerProcessor
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import topic_complaint
from minimq.protocol import headers
from minimq.protocol.body import (
    ConsumerConnection,
    GroupList,
    ProducerConnection,
    ProducerInfo,
    ProducerTableInfo,
    SubscriptionGroupConfig,
    TopicConfig,
    TopicList,
    TopicOffset,
    TopicStatsTable,
)
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import ResponseError
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

Handler = Callable[[Connection, RemotingCommand], RemotingCommand | None]

TOPIC_FILTER_TYPES = ("SINGLE_TAG", "MULTI_TAG")
QUEUE_NUMS_MAX = 65_536
"""Queues of one topic; RocketMQ has no bound, a slip of the finger would fill the memory."""


class AdminTopicsProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.store = controller.message_store
        self.topics = controller.topic_config_manager
        self.groups = controller.subscription_group_manager
        self.handlers: dict[int, Handler] = {
            RequestCode.UPDATE_AND_CREATE_TOPIC: self.update_and_create_topic,
            RequestCode.DELETE_TOPIC_IN_BROKER: self.delete_topic,
            RequestCode.GET_ALL_TOPIC_CONFIG: self.get_all_topic_config,
            RequestCode.GET_TOPIC_STATS_INFO: self.get_topic_stats_info,
            RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER: self.get_system_topic_list,
            RequestCode.QUERY_TOPIC_CONSUME_BY_WHO: self.query_topic_consume_by_who,
            RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP: self.update_subscription_group,
            RequestCode.DELETE_SUBSCRIPTIONGROUP: self.delete_subscription_group,
            RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG: self.get_all_subscription_group,
            RequestCode.GET_CONSUMER_CONNECTION_LIST: self.get_consumer_connection_list,
            RequestCode.GET_PRODUCER_CONNECTION_LIST: self.get_producer_connection_list,
            RequestCode.GET_ALL_PRODUCER_INFO: self.get_all_producer_info,
        }

    def process_request(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        return self.handlers[request.code](connection, request)

    def _refuse_on_slave(self) -> None:
        if self.controller.is_slave:
            remark = (
                "Can't modify topic or subscription group from slave broker, "
                "please execute it from master broker."
            )
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)

    # -- topics ----------------------------------------------------------------------------------

    def update_and_create_topic(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        """Answered when the name servers know it, so that a route can be asked for at once."""
        self._refuse_on_slave()
        header = headers.CreateTopicRequestHeader.from_ext(request.ext_fields)
        self._check_name(header.topic)
        for queues in (header.read_queue_nums, header.write_queue_nums):
            if not 0 <= queues <= QUEUE_NUMS_MAX:
                remark = f"{queues} queues: a topic has 0 to {QUEUE_NUMS_MAX}"
                raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
        if header.topic_filter_type not in TOPIC_FILTER_TYPES:
            remark = f"topicFilterType {header.topic_filter_type} is unknown"
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
        self.topics.update_topic_config(
            TopicConfig(
                header.topic,
                header.read_queue_nums,
                header.write_queue_nums,
                header.perm,
                header.topic_filter_type,
                header.topic_sys_flag or 0,
            )
        )
        self.controller.later_answers.answer(connection, request, self._registered(request))
        return None

    async def _registered(self, request: RemotingCommand) -> RemotingCommand:
        await self.controller.register_broker_all(force=True)
        return request.create_response()

    def _check_name(self, topic: str) -> None:
        complaint = topic_complaint(topic)
        if complaint is None and self.topics.is_system_topic(topic):
            complaint = f"The topic[{topic}] is conflict with system topic."
        if complaint is not None:
            raise ResponseError(ResponseCode.SYSTEM_ERROR, complaint)

    def delete_topic(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        self._refuse_on_slave()
        topic = headers.DeleteTopicRequestHeader.from_ext(request.ext_fields).topic
        self._check_name(topic)
        self.topics.delete_topic_config(topic)
        self.store.delete_topic(topic)
        emit = self.controller.host.recorder.emit
        emit(catalog.BROKER_TOPIC_DELETED, "TopicConfigManager", topic)
        return request.create_response()

    def get_all_topic_config(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return request.create_response(body=self.topics.build_wrapper().encode())

    def get_topic_stats_info(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        name = headers.GetTopicStatsInfoRequestHeader.from_ext(request.ext_fields).topic
        topic = self.controller.existing_topic(name)
        table = TopicStatsTable()
        for queue_id in range(topic.write_queue_nums):
            low = max(self.store.get_min_offset_in_queue(name, queue_id), 0)
            high = self.store.get_max_offset_in_queue(name, queue_id)
            stamp = 0
            if high > 0:
                stamp = self.store.get_message_store_time_stamp(name, queue_id, high - 1)
            queue = MessageQueue(name, self.controller.config.broker_name, queue_id)
            table.offset_table[queue] = TopicOffset(low, high, stamp)
        return request.create_response(body=table.encode())

    def get_system_topic_list(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return request.create_response(body=TopicList(list(self.topics.system_topics)).encode())

    def query_topic_consume_by_who(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        topic = headers.QueryTopicConsumeByWhoRequestHeader.from_ext(request.ext_fields).topic
        groups = self.controller.consumer_manager.query_topic_consume_by_who(topic)
        groups += self.controller.consumer_offset_manager.which_group_by_topic(topic)
        return request.create_response(body=GroupList(list(dict.fromkeys(groups))).encode())

    # -- groups ----------------------------------------------------------------------------------

    def update_subscription_group(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        self._refuse_on_slave()
        config = SubscriptionGroupConfig.decode(request.body)
        if not config.group_name:
            raise ResponseError(ResponseCode.SYSTEM_ERROR, "groupName is missing")
        self.groups.update_subscription_group_config(config)
        return request.create_response()

    def delete_subscription_group(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        self._refuse_on_slave()
        header = headers.DeleteSubscriptionGroupRequestHeader.from_ext(request.ext_fields)
        self.groups.delete_subscription_group_config(header.group_name)
        if header.remove_offset:
            self.controller.consumer_offset_manager.remove_offset(header.group_name)
        return request.create_response()

    def get_all_subscription_group(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return request.create_response(body=self.groups.build_wrapper().encode())

    # -- who is connected ------------------------------------------------------------------------

    def get_consumer_connection_list(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.GetConsumerConnectionListRequestHeader.from_ext(request.ext_fields)
        group = header.consumer_group
        info = self.controller.consumer_manager.get_consumer_group_info(group)
        if info is None:
            remark = f"the consumer group[{group}] not online"
            return request.create_response(ResponseCode.CONSUMER_NOT_ONLINE, remark)
        body = ConsumerConnection(
            [member.as_connection() for member in info.channel_info_table.values()],
            info.subscription_table,
            info.consume_type,
            info.message_model,
            info.consume_from_where,
        )
        return request.create_response(body=body.encode())

    def get_producer_connection_list(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.GetProducerConnectionListRequestHeader.from_ext(request.ext_fields)
        group = header.producer_group
        channels = self.controller.producer_manager.group_channel_table.get(group)
        if not channels:
            remark = f"the producer group[{group}] not exist"
            return request.create_response(ResponseCode.SYSTEM_ERROR, remark)
        body = ProducerConnection([info.as_connection() for info in channels.values()])
        return request.create_response(body=body.encode())

    def get_all_producer_info(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        table = ProducerTableInfo()
        for group, channels in self.controller.producer_manager.group_channel_table.items():
            table.data[group] = [
                ProducerInfo(
                    info.client_id,
                    info.channel.peer.rpartition(":")[0],
                    info.language.name if info.language is not None else None,
                    info.version,
                    info.last_update_timestamp,
                )
                for info in channels.values()
            ]
        return request.create_response(body=table.encode())
