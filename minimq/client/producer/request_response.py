"""Ask a question with a message and wait for the consumer's reply.

Java:    client.producer.RequestFutureHolder, RequestResponseFuture; DefaultMQProducerImpl#request;
         client.utils.MessageUtil
Differs: each waiting call has its own timer, so no scan of the table is needed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from minimq.client.producer.send_result import SendResult
from minimq.common.message import Message
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import get_reply_topic
from minimq.errors import MiniMQError, MQClientError, RequestTimeoutError, ServiceStateError

if TYPE_CHECKING:
    from minimq.client.producer.mq_producer_impl import MQProducerImpl

REQUEST_TIMEOUT_EXCEPTION = 10_006
CREATE_REPLY_MESSAGE_EXCEPTION = 10_007
REQUESTS_MAX = 10_000
"""Requests of one producer that may wait for their reply."""


class RequestReply:
    def __init__(self, producer: MQProducerImpl) -> None:
        self._producer = producer
        self.request_future_table: dict[str, asyncio.Future[Message]] = {}

    async def request(self, message: Message, timeout_millis: float) -> Message:
        """The reply; RequestTimeoutError if the question was stored and nobody answered."""
        began = self._producer.host.clock.now_micros()
        if len(self.request_future_table) >= REQUESTS_MAX:
            raise MQClientError(f"{REQUESTS_MAX} requests wait for a reply already")
        await self._prepare_send_request(message, timeout_millis)
        correlation_id = message.properties[MessageConst.PROPERTY_CORRELATION_ID]
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.request_future_table[correlation_id] = future
        sent = _Sent(message, future)
        try:
            spent = self._producer.spent_millis(began, timeout_millis)
            self._producer.send_async(message, sent.answered, timeout_millis - spent)
            patience = self._producer.host.pace.timeout_millis(timeout_millis - spent)
            return await asyncio.wait_for(future, patience / 1_000)
        except TimeoutError:
            raise sent.no_reply(timeout_millis) from None
        finally:
            self.request_future_table.pop(correlation_id, None)

    async def _prepare_send_request(self, message: Message, timeout_millis: float) -> None:
        """Brokers must know this producer's channel before the reply comes."""
        producer = self._producer
        correlation_id = f"{producer.host.random.getrandbits(128):032x}"
        message.put_property(MessageConst.PROPERTY_CORRELATION_ID, correlation_id)
        client_id = producer.instance.client_id
        message.put_property(MessageConst.PROPERTY_MESSAGE_REPLY_TO_CLIENT, client_id)
        message.put_property(MessageConst.PROPERTY_MESSAGE_TTL, str(int(timeout_millis)))
        topic = producer.config.with_namespace(message.topic)
        if topic not in producer.instance.route_table.topic_route_table:
            await producer.try_to_find_topic_publish_info(topic)
            await producer.instance.send_heartbeat_to_all_broker_with_lock()

    def put_response(self, reply: Message) -> bool:
        """A reply arrived; false if nobody waits for it here."""
        correlation_id = reply.get_property(MessageConst.PROPERTY_CORRELATION_ID) or ""
        future = self.request_future_table.get(correlation_id)
        if future is None or future.done():
            return False
        future.set_result(reply)
        return True

    def shutdown(self) -> None:
        for future in self.request_future_table.values():
            if not future.done():
                future.set_exception(ServiceStateError("the producer was shut down"))


class _Sent:
    """Whether the question itself reached a broker."""

    def __init__(self, message: Message, future: asyncio.Future[Any]) -> None:
        self._message = message
        self._future = future
        self._send_request_ok = False

    def answered(self, result: SendResult | None, error: MiniMQError | None) -> None:
        self._send_request_ok = result is not None
        if error is not None and not self._future.done():
            text = f"send request message to <{self._message.topic}> fail: {error}"
            self._future.set_exception(MQClientError(text))

    def no_reply(self, timeout_millis: float) -> MQClientError:
        topic = self._message.topic
        if not self._send_request_ok:
            return MQClientError(f"send request message to <{topic}> fail: no answer in time")
        return RequestTimeoutError(
            f"send request message to <{topic}> OK, but wait reply message timeout, "
            f"{timeout_millis:.0f} ms.",
            REQUEST_TIMEOUT_EXCEPTION,
        )


def create_reply_message(request: Message, body: bytes) -> Message:
    """What a consumer sends back to whoever asked."""
    cluster = request.get_property(MessageConst.PROPERTY_CLUSTER)
    if not cluster:
        raise MQClientError(
            "create reply message fail, requestMessage error, property[CLUSTER] is null.",
            CREATE_REPLY_MESSAGE_EXCEPTION,
        )
    reply = Message(get_reply_topic(cluster), body)
    reply.put_property(MessageConst.PROPERTY_MESSAGE_TYPE, "reply")
    for name in (
        MessageConst.PROPERTY_CORRELATION_ID,
        MessageConst.PROPERTY_MESSAGE_REPLY_TO_CLIENT,
        MessageConst.PROPERTY_MESSAGE_TTL,
    ):
        value = request.get_property(name)
        if value is not None:
            reply.put_property(name, value)
    return reply
