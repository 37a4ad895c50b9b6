"""Carry the answer of a request-reply pair to the client that asked.

Java:    broker.processor.ReplyMessageProcessor
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from minimq.broker.processor.send_answer import STORED_CODES, code_and_remark
from minimq.broker.processor.send_request import (
    SendRequest,
    add_cluster,
    born_host,
    parse_send,
)
from minimq.common.message import properties_to_string, string_to_properties
from minimq.common.message_const import MessageConst
from minimq.errors import MiniMQError
from minimq.protocol.headers import ReplyMessageRequestHeader
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.store.put_message import MessageExtBrokerInner

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

PUSH_TIMEOUT_MILLIS = 10_000


class PushReplyResult(NamedTuple):
    push_ok: bool
    remark: str = ""


class ReplyMessageProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.host = controller.host
        self.sends = controller.send_message_processor

    def process_request(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        send = parse_send(request)
        self.sends.check(connection, request, send)
        topic = self.sends.find_topic(connection, send)
        queue_id = send.queue_id
        if queue_id < 0:
            queue_id = self.host.random.randrange(max(topic.write_queue_nums, 1))
        coming = self._push_and_store(connection, request, send, queue_id)
        self.controller.later_answers.answer(connection, request, coming)
        return None

    async def _push_and_store(
        self, connection: Connection, request: RemotingCommand, send: SendRequest, queue_id: int
    ) -> RemotingCommand:
        properties = string_to_properties(send.properties)
        pushed = await self._push(connection, request, send, queue_id, properties)
        ext = {**self.sends.region(), "msgId": "0", "queueId": str(queue_id), "queueOffset": "0"}
        code = ResponseCode.SUCCESS if pushed.push_ok else ResponseCode.SYSTEM_ERROR
        response = request.create_response(code, pushed.remark or None, ext)
        if self.controller.config.store_reply_message_enable:
            self._store(connection, request, send, queue_id, properties, response)
        return response

    async def _push(
        self,
        connection: Connection,
        request: RemotingCommand,
        send: SendRequest,
        queue_id: int,
        properties: dict[str, str],
    ) -> PushReplyResult:
        """To the producer with the client id that the message names."""
        sender = properties.get(MessageConst.PROPERTY_MESSAGE_REPLY_TO_CLIENT)
        if sender is None:
            return PushReplyResult(False, "reply message properties[REPLY_TO_CLIENT] is null")
        channel = self.controller.producer_manager.find_channel(sender)
        if channel is None:
            return PushReplyResult(
                False, f"push reply message fail, channel of <{sender}> not found."
            )
        now = self.host.clock.now_millis()
        properties[MessageConst.PROPERTY_PUSH_REPLY_TIME] = str(now)
        header = ReplyMessageRequestHeader(
            producer_group=request.ext_fields.get("producerGroup")
            or request.ext_fields.get("a", ""),
            topic=send.topic,
            default_topic=send.default_topic,
            default_topic_queue_nums=send.queue_nums,
            queue_id=queue_id,
            sys_flag=send.sys_flag,
            born_timestamp=send.born_timestamp,
            flag=send.flag,
            born_host=connection.peer,
            store_host=self.controller.address,
            store_timestamp=now,
            properties=properties_to_string(properties),
            reconsume_times=send.reconsume_times,
            unit_mode=send.unit_mode,
        )
        push = RemotingCommand.create_request(
            RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, header.to_ext(), request.body
        )
        try:
            answer = await channel.invoke(push, PUSH_TIMEOUT_MILLIS)
        except MiniMQError as error:
            return PushReplyResult(False, f"push reply message to {sender} fail. {error}")
        if answer.code != ResponseCode.SUCCESS:
            return PushReplyResult(False, f"push reply message to {sender} fail. {answer.remark}")
        return PushReplyResult(True)

    def _store(
        self,
        connection: Connection,
        request: RemotingCommand,
        send: SendRequest,
        queue_id: int,
        properties: dict[str, str],
        response: RemotingCommand,
    ) -> None:
        """Besides being pushed a reply is kept; its ids go into the answer."""
        result = self.controller.message_store.put_message(
            MessageExtBrokerInner(
                send.topic,
                queue_id,
                request.body,
                add_cluster(properties_to_string(properties), self.sends.cluster_name),
                flag=send.flag,
                sys_flag=send.sys_flag,
                born_timestamp=send.born_timestamp,
                born_host=born_host(connection),
                reconsume_times=send.reconsume_times,
                wait_store_msg_ok=False,
            )
        )
        code, _ = code_and_remark(result.status, 0, result.remark)
        if code in STORED_CODES:
            response.ext_fields["msgId"] = result.msg_id
            response.ext_fields["queueOffset"] = str(result.queue_offset)
