"""Heartbeats and farewells of clients.

Java:    broker.processor.ClientManageProcessor, broker.client.ClientHousekeepingService,
         broker.client.DefaultConsumerIdsChangeListener
Posts:   RocketMQ消费者消费消息, 心跳
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.broker.broker_to_client import notify_consumer_ids_changed
from minimq.broker.client_channel_info import CLIENT_ID_ATTRIBUTE, ClientChannelInfo
from minimq.broker.consumer_manager import GroupChange
from minimq.common.mix_all import get_retry_topic
from minimq.protocol.body import CheckClientRequestBody
from minimq.protocol.consumer_enums import ExpressionType
from minimq.protocol.headers import UnregisterClientRequestHeader
from minimq.protocol.heartbeat import ConsumerData, HeartbeatData
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

UNIT_SUB_FLAG = 0x2
"""Java: TopicSysFlag.buildSysFlag(false, true), for consumers of a unit."""


class ClientManageProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.host = controller.host
        self.consumers = controller.consumer_manager
        self.producers = controller.producer_manager

    def process_request(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        if request.code == RequestCode.HEART_BEAT:
            return self.heart_beat(connection, request)
        if request.code == RequestCode.UNREGISTER_CLIENT:
            return self.unregister_client(connection, request)
        return self.check_client_config(connection, request)

    def heart_beat(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        now = self.host.clock.now_millis()
        data = HeartbeatData.decode(request.body).stamp(now)
        connection.attributes[CLIENT_ID_ATTRIBUTE] = data.client_id
        info = ClientChannelInfo(connection, data.client_id, request.language, request.version, now)
        for consumer in data.consumer_data_set:
            self._register_consumer(info, consumer)
        for producer in data.producer_data_set:
            if self.producers.register_producer(producer.group_name, info):
                emit = self.host.recorder.emit
                group, client_id = producer.group_name, data.client_id
                emit(catalog.BROKER_PRODUCER_JOINED, "ProducerManager", group, client_id)
        return request.create_response()

    def _register_consumer(self, info: ClientChannelInfo, consumer: ConsumerData) -> None:
        group = consumer.group_name
        groups = self.controller.subscription_group_manager
        config = groups.find_subscription_group_config(group)
        wants_notice = True
        if config is not None:
            wants_notice = config.notify_consumer_ids_changed_enable
            if not self.controller.is_slave:
                self.controller.topic_config_manager.create_topic_in_send_message_back_method(
                    get_retry_topic(group),
                    config.retry_queue_nums,
                    topic_sys_flag=UNIT_SUB_FLAG if consumer.unit_mode else 0,
                )
        result = self.consumers.register_consumer(info, consumer)
        emit = self.host.recorder.emit
        if result.joined:
            client_id = info.client_id
            emit(
                catalog.BROKER_CONSUMER_JOINED, "ConsumerManager", group, client_id, result.members
            )
        emit(
            catalog.BROKER_CONSUMER_ALIVE,
            "ConsumerManager",
            group,
            info.client_id,
            info.last_update_timestamp,
            info.expired_millis,
        )
        if result.changed and wants_notice:
            self._notify(group)

    def _notify(self, group: str) -> None:
        if self.controller.config.notify_consumer_ids_changed_enable:
            notify_consumer_ids_changed(self.host, group, self.consumers.channels(group))

    def unregister_client(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = UnregisterClientRequestHeader.from_ext(request.ext_fields)
        if header.producer_group:
            client_id = self.producers.unregister_producer(header.producer_group, connection)
            if client_id is not None:
                self._tell_producer_left(header.producer_group, client_id, "unregister")
        if header.consumer_group:
            change = self.consumers.unregister_consumer(header.consumer_group, connection)
            if change is not None:
                self._consumer_left(change, "unregister", notify=True)
        return request.create_response()

    def check_client_config(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        """Asked before a consumer starts with an expression that is no list of tags."""
        body = CheckClientRequestBody.decode(request.body)
        if ExpressionType.is_tag_type(body.subscription_data.expression_type):
            return request.create_response()
        kind = body.subscription_data.expression_type
        remark = f"The broker does not support consumer to filter message by {kind}"
        return request.create_response(ResponseCode.SYSTEM_ERROR, remark)

    # -- those who left without a word -----------------------------------------------------------

    def do_channel_close_event(self, connection: Connection) -> None:
        for group, client_id in self.producers.do_channel_close_event(connection):
            self._tell_producer_left(group, client_id, "channel")
        for change in self.consumers.do_channel_close_event(connection):
            self._consumer_left(change, "channel", notify=True)

    def scan_not_active_channel(self) -> None:
        """Members that fell silent go without a notice; the others see it at their next turn."""
        now = self.host.clock.now_millis()
        for group, client_id, channel in self.producers.scan_not_active_channel(now):
            self._tell_producer_left(group, client_id, "expired")
            channel.close("no heartbeat")
        for change, channel in self.consumers.scan_not_active_channel(now):
            self._consumer_left(change, "expired", notify=False)
            channel.close("no heartbeat")

    def _consumer_left(self, change: GroupChange, cause: str, *, notify: bool) -> None:
        self.host.recorder.emit(
            catalog.BROKER_CONSUMER_LEFT,
            "ConsumerManager",
            change.group,
            change.client_id,
            cause,
            change.members,
        )
        groups = self.controller.subscription_group_manager.subscription_group_table
        config = groups.get(change.group)
        wanted = config is None or config.notify_consumer_ids_changed_enable
        if notify and wanted and change.members:
            self._notify(change.group)

    def _tell_producer_left(self, group: str, client_id: str, cause: str) -> None:
        emit = self.host.recorder.emit
        emit(catalog.BROKER_PRODUCER_LEFT, "ProducerManager", group, client_id, cause)
