"""What administrators ask about the broker itself, and through it about its clients.

Java:    broker.processor.AdminBrokerProcessor
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minimq.broker.broker_config import BROKER_SETTINGS_PATH
from minimq.broker.consumer_manager import ConsumerGroupInfo
from minimq.broker.runtime_info import broker_runtime_info
from minimq.broker.transaction.transactional_message_bridge import renew_half_message
from minimq.common.kept_settings import keep_settings
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import TRANS_HALF_TOPIC
from minimq.common.settings import format_properties, parse_properties
from minimq.errors import ConfigError, RemotingError, RemotingTimeoutError
from minimq.protocol import headers
from minimq.protocol.body import (
    BrokerStatsData,
    BrokerStatsItem,
    ConsumeQueueData,
    KVTable,
    QueryConsumeQueueResponseBody,
)
from minimq.protocol.message_codec import decode_message_id
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import ResponseError

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

Handler = Callable[[Connection, RemotingCommand], RemotingCommand | None]

FORWARD_VERSION = 62
"""3.1.8: older clients do not understand requests 307 and 309."""
FORWARD_TIMEOUT_MILLIS = 10_000
CONSUME_QUEUE_UNITS_MAX = 1_000
"""Units that one QUERY_CONSUME_QUEUE returns at most."""
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def wanted_by(info: ConsumerGroupInfo | None, topic: str, tags_code: int) -> bool:
    """Whether a group that is online would get this unit; without a group nobody would."""
    if info is None or topic not in info.tag_filters:
        return False
    wanted = info.tag_filters[topic]
    return wanted is None or tags_code in wanted


class AdminBrokerProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.store = controller.message_store
        self.handlers: dict[int, Handler] = {
            RequestCode.GET_BROKER_RUNTIME_INFO: self.get_broker_runtime_info,
            RequestCode.GET_BROKER_CONFIG: self.get_broker_config,
            RequestCode.UPDATE_BROKER_CONFIG: self.update_broker_config,
            RequestCode.VIEW_BROKER_STATS_DATA: self.view_broker_stats_data,
            RequestCode.QUERY_CONSUME_QUEUE: self.query_consume_queue,
            RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE: self.clean_expired_consume_queue,
            RequestCode.CLEAN_UNUSED_TOPIC: self.clean_unused_topic,
            RequestCode.DELETE_EXPIRED_COMMITLOG: self.delete_expired_commit_log,
            RequestCode.RESUME_CHECK_HALF_MESSAGE: self.resume_check_half_message,
            RequestCode.GET_CONSUMER_RUNNING_INFO: self.get_consumer_running_info,
            RequestCode.CONSUME_MESSAGE_DIRECTLY: self.consume_message_directly,
        }

    def process_request(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        return self.handlers[request.code](connection, request)

    # -- state and settings ----------------------------------------------------------------------

    def get_broker_runtime_info(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        table = KVTable(broker_runtime_info(self.controller))
        return request.create_response(body=table.encode())

    def get_broker_config(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        text = format_properties(self.controller.all_config())
        version = self.controller.topic_config_manager.data_version.encode().decode()
        return request.create_response(0, None, {"version": version}, text.encode())

    def update_broker_config(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        """All of them or none; 16 for settings that only a start reads."""
        properties = parse_properties(str(request.body, "utf-8", "replace"))
        known = self.controller.all_config()
        changed = {name: text for name, text in properties.items() if known.get(name) != text}
        for name in changed:
            if name in known and not self.controller.is_live_setting(name):
                remark = f"setting {name} cannot be changed while running"
                raise ResponseError(ResponseCode.NO_PERMISSION, remark)
        try:
            for name, text in changed.items():
                self.controller.check_knob(name, text)
        except ConfigError as error:
            return request.create_response(ResponseCode.SYSTEM_ERROR, str(error))
        keep_settings(self.controller.host.file_system, BROKER_SETTINGS_PATH, changed)
        for name, text in changed.items():
            self.controller.set_knob(name, text)
        return request.create_response()

    def view_broker_stats_data(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.ViewBrokerStatsDataRequestHeader.from_ext(request.ext_fields)
        name, key, stats = header.stats_name, header.stats_key, self.controller.stats
        if not stats.has_item(name, key):
            remark = f"The stats <{name}> <{key}> not exist"
            return request.create_response(ResponseCode.SYSTEM_ERROR, remark)
        now = self.controller.host.clock.now_millis()
        items = [BrokerStatsItem(*stats.item(name, key, now, span)) for span in (MINUTE, HOUR, DAY)]
        return request.create_response(body=BrokerStatsData(*items).encode())

    # -- the store -------------------------------------------------------------------------------

    def query_consume_queue(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.QueryConsumeQueueRequestHeader.from_ext(request.ext_fields)
        topic, queue_id = header.topic, header.queue_id
        queue = self.store.get_consume_queue(topic, queue_id)
        if queue is None:
            remark = f"{queue_id}@{topic} is not exist!"
            return request.create_response(ResponseCode.SYSTEM_ERROR, remark)
        body = QueryConsumeQueueResponseBody([], queue.max_offset, queue.min_offset)
        info = self.controller.consumer_manager.get_consumer_group_info(header.consumer_group or "")
        if info is not None:
            body.subscription_data = info.subscription_table.get(topic)
        last = min(header.index + min(header.count, CONSUME_QUEUE_UNITS_MAX), queue.max_offset)
        for index in range(max(header.index, queue.min_offset), last):
            unit = queue.get_unit(index)
            if unit is not None:
                passes = wanted_by(info, topic, unit[2])
                body.queue_data.append(ConsumeQueueData(*unit, eval=passes))
        return request.create_response(body=body.encode())

    def clean_expired_consume_queue(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        self.store.clean_expired_consume_queue()
        return request.create_response()

    def clean_unused_topic(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        self.store.clean_unused_topic(set(self.controller.topic_config_manager.topic_config_table))
        return request.create_response()

    def delete_expired_commit_log(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        self.store.clean.execute_delete_files_manually()
        return request.create_response()

    def resume_check_half_message(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        """A half message that was given up is asked about again, from the first time on."""
        msg_id = headers.ResumeCheckHalfMessageRequestHeader.from_ext(request.ext_fields).msg_id
        _, offset = decode_message_id(msg_id or "")
        message = self.store.look_message_by_offset(offset)
        if message is None:
            remark = f"no message at {offset}"
            return request.create_response(ResponseCode.SYSTEM_ERROR, remark)
        message.topic, message.queue_id = TRANS_HALF_TOPIC, 0
        times = {MessageConst.PROPERTY_TRANSACTION_CHECK_TIMES: "0"}
        if self.store.put_message(renew_half_message(message, **times)).stored:
            return request.create_response()
        remark = f"Put message back to {TRANS_HALF_TOPIC} failed."
        return request.create_response(ResponseCode.SYSTEM_ERROR, remark)

    # -- requests that a client answers ----------------------------------------------------------

    def get_consumer_running_info(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        header = headers.GetConsumerRunningInfoRequestHeader.from_ext(request.ext_fields)
        coming = self._call_consumer(request, header.consumer_group, header.client_id, b"")
        self.controller.later_answers.answer(connection, request, coming)
        return None

    def consume_message_directly(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        read = headers.ConsumeMessageDirectlyResultRequestHeader.from_ext
        header = read(request.ext_fields)
        request.ext_fields["brokerName"] = self.controller.config.broker_name
        _, offset = decode_message_id(header.msg_id or "")
        record = self.store.select_one_message_bytes(offset)
        if record is None or self.store.look_message_by_offset(offset) is None:
            remark = f"can not find message by the offset, {offset}"
            return request.create_response(ResponseCode.SYSTEM_ERROR, remark)
        client_id = header.client_id or ""
        coming = self._call_consumer(request, header.consumer_group, client_id, bytes(record))
        self.controller.later_answers.answer(connection, request, coming)
        return None

    async def _call_consumer(
        self, request: RemotingCommand, group: str, client_id: str, body: bytes
    ) -> RemotingCommand:
        """The same question, asked of a member; its answer under the administrator's opaque."""
        member = self.controller.consumer_manager.find_channel(group, client_id)
        if member is None:
            remark = f"The Consumer <{group}> <{client_id}> not online"
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
        if member.version < FORWARD_VERSION:
            remark = (
                f"The Consumer <{client_id}> Version <{member.version}> too low to finish, "
                "please upgrade it to V3_1_8_SNAPSHOT"
            )
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
        question = RemotingCommand.create_request(request.code, dict(request.ext_fields), body)
        try:
            answer = await member.channel.invoke(question, FORWARD_TIMEOUT_MILLIS)
        except RemotingTimeoutError as error:
            remark = f"consumer <{group}> <{client_id}> Timeout: {error}"
            raise ResponseError(ResponseCode.CONSUME_MSG_TIMEOUT, remark) from error
        except RemotingError as error:
            remark = f"invoke consumer <{group}> <{client_id}> Exception: {error}"
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark) from error
        return request.create_response(answer.code, answer.remark, answer.ext_fields, answer.body)
