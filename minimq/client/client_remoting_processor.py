"""What a broker may ask of a client, over the connection that the client opened.

Java:    client.impl.ClientRemotingProcessor
Posts:   RocketMQ源码解析-消费者消费消息, ClientRemotingProcessor#processRequest
Differs: answers that have to wait for a listener are sent by a task of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, cast

from minimq.client.guarded_tasks import GuardedTasks
from minimq.common.message import MessageExt
from minimq.common.message_const import MessageConst
from minimq.common.message_queue import MessageQueue
from minimq.protocol.client_body import (
    ConsumeMessageDirectlyResult,
    GetConsumerStatusBody,
    ResetOffsetBody,
)
from minimq.protocol.headers import (
    CheckTransactionStateRequestHeader,
    ConsumeMessageDirectlyResultRequestHeader,
    GetConsumerRunningInfoRequestHeader,
    GetConsumerStatusRequestHeader,
    ReplyMessageRequestHeader,
    ResetOffsetRequestHeader,
)
from minimq.protocol.message_codec import decode_message, encode_host
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import ProcessorQueue, RequestDispatcher, ResponseError

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance
    from minimq.client.producer.request_response import RequestReply

Processor = Callable[[Connection, RemotingCommand], RemotingCommand | None]
TASKS_MAX = 1_000
"""Requests of brokers that may be worked on at a time."""
SERVICE = "ClientRemotingProcessor"


class ManagedConsumer(Protocol):
    """A push consumer, as administrators see it."""

    async def reset_offset(self, topic: str, offsets: dict[MessageQueue, int]) -> None: ...
    def consumer_status(self, topic: str) -> dict[MessageQueue, int]: ...
    async def consume_message_directly(
        self, message: MessageExt, broker_name: str
    ) -> ConsumeMessageDirectlyResult: ...


class ClientRemotingProcessor:
    def __init__(self, instance: MQClientInstance, dispatcher: RequestDispatcher) -> None:
        self._instance = instance
        self.reply_waiters: list[RequestReply] = []
        self._tasks = GuardedTasks(instance.host, SERVICE)
        queue = ProcessorQueue(SERVICE)
        processors: dict[RequestCode, Processor] = {
            RequestCode.CHECK_TRANSACTION_STATE: self.check_transaction_state,
            RequestCode.NOTIFY_CONSUMER_IDS_CHANGED: self.notify_consumer_ids_changed,
            RequestCode.RESET_CONSUMER_CLIENT_OFFSET: self.reset_offset,
            RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT: self.get_consume_status,
            RequestCode.GET_CONSUMER_RUNNING_INFO: self.get_consumer_running_info,
            RequestCode.CONSUME_MESSAGE_DIRECTLY: self.consume_message_directly,
            RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT: self.receive_reply_message,
        }
        for code, processor in processors.items():
            dispatcher.register([code], processor, queue)

    def check_transaction_state(self, connection: Connection, request: RemotingCommand) -> None:
        """Ask the producer of the message's group; the answer is a request of its own."""
        header = CheckTransactionStateRequestHeader.from_ext(request.ext_fields)
        message = decode_message(request.body)
        config = self._instance.config
        message.topic = config.without_namespace(message.topic)
        message.transaction_id = message.uniq_key
        group = message.get_property(MessageConst.PROPERTY_PRODUCER_GROUP) or ""
        producer = self._instance.producer_table.get(group)
        if producer is not None and producer.check_transaction_state is not None:
            producer.check_transaction_state(connection.peer, message, header)

    def notify_consumer_ids_changed(self, connection: Connection, request: RemotingCommand) -> None:
        """A member joined or left: look at the shares now."""
        self._instance.rebalance_immediately()

    def reset_offset(self, connection: Connection, request: RemotingCommand) -> None:
        header = ResetOffsetRequestHeader.from_ext(request.ext_fields)
        offsets = ResetOffsetBody.decode(request.body).offset_table if request.body else {}
        consumer = self._managed(header.group)
        if consumer is not None:
            self._spawn(consumer.reset_offset(header.topic, offsets))

    def get_consume_status(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = GetConsumerStatusRequestHeader.from_ext(request.ext_fields)
        consumer = self._managed(header.group)
        table = consumer.consumer_status(header.topic) if consumer is not None else {}
        return request.create_response(body=GetConsumerStatusBody(table).encode())

    def get_consumer_running_info(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = GetConsumerRunningInfoRequestHeader.from_ext(request.ext_fields)
        consumer = self._instance.consumer_table.get(header.consumer_group)
        if consumer is None:
            raise _no_such_group(header.consumer_group)
        info = consumer.consumer_running_info()
        if header.jstack_enable:
            info.jstack = "\n".join(sorted(task.get_name() for task in asyncio.all_tasks()))
        return request.create_response(body=info.encode())

    def consume_message_directly(self, connection: Connection, request: RemotingCommand) -> None:
        """Run the listener once, outside queues, offsets and retries; the answer comes later."""
        header = ConsumeMessageDirectlyResultRequestHeader.from_ext(request.ext_fields)
        consumer = self._managed(header.consumer_group)
        if consumer is None:
            raise _no_such_group(header.consumer_group)
        message = decode_message(request.body)
        self._spawn(
            self._consume_directly(connection, request, consumer, message, header.broker_name or "")
        )

    async def _consume_directly(
        self,
        connection: Connection,
        request: RemotingCommand,
        consumer: ManagedConsumer,
        message: MessageExt,
        broker_name: str,
    ) -> None:
        result = await consumer.consume_message_directly(message, broker_name)
        connection.send(request.create_response(body=result.encode()))

    def receive_reply_message(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = ReplyMessageRequestHeader.from_ext(request.ext_fields)
        reply = MessageExt(
            header.topic,
            request.body,
            flag=header.flag,
            sys_flag=header.sys_flag,
            queue_id=header.queue_id,
            born_timestamp=header.born_timestamp,
            born_host_bytes=encode_host(header.born_host),
            store_timestamp=header.store_timestamp,
            store_host_bytes=encode_host(header.store_host),
            reconsume_times=header.reconsume_times or 0,
            properties_bytes=(header.properties or "").encode(),
        )
        now = self._instance.host.clock.now_millis()
        reply.put_property(MessageConst.PROPERTY_REPLY_MESSAGE_ARRIVE_TIME, str(now))
        for waiter in self.reply_waiters:
            if waiter.put_response(reply):
                break
        return request.create_response()

    def _managed(self, group: str) -> ManagedConsumer | None:
        consumer = self._instance.consumer_table.get(group)
        return cast(ManagedConsumer, consumer) if hasattr(consumer, "reset_offset") else None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= TASKS_MAX:
            work.close()
            raise ResponseError(ResponseCode.SYSTEM_BUSY, f"{TASKS_MAX} requests are in work")
        self._tasks.spawn(work)

    def kill(self) -> None:
        self._tasks.kill()


def _no_such_group(group: str) -> ResponseError:
    return ResponseError(
        ResponseCode.SYSTEM_ERROR, f"The Consumer Group <{group}> not exist in this consumer"
    )
