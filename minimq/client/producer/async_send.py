"""One send whose answer goes to a callback, with its retries inside.

Java:    MQClientAPIImpl#sendMessageAsync, #onExceptionImpl; DefaultMQProducerImpl#send(…callback)
Posts:   RocketMQ生产消费流程浅析, ASYNC
Differs: with route and connection at hand nothing waits, so no executor and no task is needed;
         the bytes of a retry are the same, its queue id too, as in Java.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minimq.client.client_config import broker_vip_channel
from minimq.client.hook import SendMessageContext
from minimq.client.producer.send_request import Outgoing, build_send_request
from minimq.client.producer.send_result import SendResult
from minimq.client.producer.topic_publish_info import TopicPublishInfo
from minimq.common.message import Message
from minimq.common.message_queue import MessageQueue
from minimq.errors import MiniMQError, MQClientError, RemotingTooMuchRequestError
from minimq.protocol.remoting_command import RemotingCommand
from minimq.remoting.connection import Connection
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.producer.mq_producer_impl import MQProducerImpl

SERVICE = "producer"
SendCallback = Callable[[SendResult | None, MiniMQError | None], None]
"""Gets the result or the error, exactly once, on the client's loop."""


class AsyncSend:
    __slots__ = (
        "_address",
        "_began_micros",
        "_broker_name",
        "_callback",
        "_context",
        "_fresh",
        "_info",
        "_message",
        "_mq",
        "_outgoing",
        "_producer",
        "_request",
        "_sent_micros",
        "_timeout_millis",
        "_times",
    )
    _outgoing: Outgoing
    _mq: MessageQueue
    _request: RemotingCommand

    def __init__(
        self,
        producer: MQProducerImpl,
        message: Message,
        callback: SendCallback,
        timeout_millis: float,
        mq: MessageQueue | None,
    ) -> None:
        self._producer = producer
        self._message = message
        self._callback = callback
        self._timeout_millis = timeout_millis
        self._info: TopicPublishInfo | None = None
        self._context: SendMessageContext | None = None
        self._times = 0
        self._address = self._broker_name = ""
        self._fresh = True
        self._began_micros = producer.host.clock.now_micros()
        if mq is not None:
            self._mq = mq
            self._broker_name = mq.broker_name

    def start(self) -> None:
        producer = self._producer
        try:
            self._outgoing = producer.prepare(self._message)
            if self._broker_name:
                producer.check_queue(self._message, self._mq)
                self._send_first()
                return
            info = producer.known_publish_info(self._outgoing.topic)
            if info is None:
                self._fresh = False
                producer.run_later(self._find_route())
            else:
                self._choose_queue(info)
        except MiniMQError as error:
            self._tell(None, error)

    async def _find_route(self) -> None:
        topic = self._outgoing.topic
        try:
            self._choose_queue(await self._producer.try_to_find_topic_publish_info(topic))
        except MiniMQError as error:
            self._tell(None, error)

    def _choose_queue(self, info: TopicPublishInfo) -> None:
        self._info = info
        self._mq = self._producer.select_one_message_queue(info, None)
        self._broker_name = self._mq.broker_name
        self._send_first()

    def _send_first(self) -> None:
        producer = self._producer
        now_millis = producer.host.clock.now_millis()
        self._request = build_send_request(self._outgoing, self._mq, producer.config, now_millis)
        if producer.send_message_hooks or producer.check_forbidden_hooks:
            self._context = producer.hooks_before(self._outgoing, self._mq, "", "ASYNC")
        self._attempt()

    def _attempt(self) -> None:
        """Send over the open connection, or open one first."""
        producer = self._producer
        instance = producer.instance
        address = instance.route_table.find_broker_address_in_publish(self._broker_name)
        now_micros = self._began_micros if self._fresh else producer.host.clock.now_micros()
        self._sent_micros = now_micros
        if address is None:
            error = MQClientError(f"The broker[{self._broker_name}] not exist")
            self._on_exception(error, need_retry=True)
            return
        if producer.config.vip_channel_enabled:
            address = broker_vip_channel(True, address)
        self._address = address
        connection = instance.mq_client_api.remoting_client.channel_table.get(address)
        if connection is None:
            self._fresh = False
            producer.run_later(self._connect())
        else:
            self._send_on(connection)

    async def _connect(self) -> None:
        """Java 4.9.3 and later retry when a broker cannot be reached."""
        remoting = self._producer.instance.mq_client_api.remoting_client
        try:
            remaining = self._remaining_millis()
            connection = await remoting.get_and_create_channel(self._address, remaining)
        except MiniMQError as error:
            self._on_exception(error, need_retry=True)
        else:
            self._send_on(connection)

    def _send_on(self, connection: Connection) -> None:
        producer = self._producer
        remaining = self._timeout_millis if self._fresh else self._remaining_millis()
        self._fresh = False
        if remaining <= 0:
            self._fail(RemotingTooMuchRequestError("DEFAULT ASYNC send call timeout"))
            return
        if producer.host.recorder.listening:
            producer.tell_started(self._outgoing, self._mq, self._times + 1)
        if self._context is not None:
            self._context.broker_addr = self._address
        remoting = producer.instance.mq_client_api.remoting_client
        try:
            remoting.invoke_on(connection, self._request, remaining, self._answered)
        except MiniMQError as error:
            self._on_exception(error, need_retry=True)

    def _remaining_millis(self) -> float:
        timeout = self._timeout_millis
        return timeout - self._producer.spent_millis(self._began_micros, timeout)

    def _answered(self, response: RemotingCommand | None, error: MiniMQError | None) -> None:
        producer = self._producer
        if response is None:
            self._on_exception(error or MQClientError("unknown reason"), need_retry=True)
            return
        millis = (producer.host.clock.now_micros() - self._sent_micros) / 1_000
        try:
            result = producer.to_result(self._outgoing, self._broker_name, self._address, response)
        except MiniMQError as refused:
            self._on_exception(refused, need_retry=False)
            return
        if self._context is not None:
            producer.hooks_after(self._context, result, None)
        producer.update_fault_item(self._broker_name, millis, False)
        producer.tell_complete(result, self._outgoing.topic, millis, self._times + 1)
        self._tell(result, None)

    def _on_exception(self, error: MiniMQError, need_retry: bool) -> None:
        """No answer is retried, an answer that refuses is not."""
        producer = self._producer
        millis = (producer.host.clock.now_micros() - self._sent_micros) / 1_000
        producer.update_fault_item(self._broker_name, millis, True)
        self._times += 1
        attempts = producer.config.retry_times_when_send_async_failed
        again = need_retry and self._times <= attempts and self._remaining_millis() > 0
        broker, self._broker_name = self._broker_name, self._next_broker()
        producer.tell_failed(self._outgoing, broker, self._times, error, not again)
        if again:
            self._attempt()
        else:
            self._fail(error)

    def _next_broker(self) -> str:
        """Another broker if there is one; a queue chosen by the caller keeps its own."""
        if self._info is None:
            return self._broker_name
        mq = self._producer.select_one_message_queue(self._info, self._broker_name)
        return mq.broker_name

    def _fail(self, error: MiniMQError) -> None:
        self._producer.hooks_after(self._context, None, error)
        self._tell(None, error)

    def _tell(self, result: SendResult | None, error: MiniMQError | None) -> None:
        """What a callback raises is its own affair: other answers share this connection."""
        try:
            self._callback(result, error)
        except Exception as raised:
            emit = self._producer.host.recorder.emit
            emit(catalog.SERVICE_FAILED, SERVICE, f"a send's callback raised {raised!r}")
