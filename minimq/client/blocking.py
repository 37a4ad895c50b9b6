"""The plain face: the same classes without `await`, for scripts and notebook cells.

Java:    client.producer.DefaultMQProducer, client.consumer.DefaultMQPushConsumer and their kin
Posts:   RocketMQ消费者消费消息, 消费者的使用
Differs: everything runs on one loop thread, except the synchronous send: that has a blocking
         socket of its own over the same codec, the same queue choice and the same retry decision.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

from minimq.client.blocking_channel import BlockingChannel
from minimq.client.consumer.lite_pull_consumer import DefaultLitePullConsumer as AioLitePullConsumer
from minimq.client.consumer.mq_pull_consumer import DefaultMQPullConsumer as AioPullConsumer
from minimq.client.consumer.mq_push_consumer import DefaultMQPushConsumer as AioPushConsumer
from minimq.client.loop_thread import loop_thread
from minimq.client.producer.async_send import SendCallback
from minimq.client.producer.mq_producer import DefaultMQProducer as AioProducer
from minimq.client.producer.mq_producer_impl import MessageQueueSelector, MQProducerImpl
from minimq.client.producer.send_request import Outgoing, build_send_request
from minimq.client.producer.send_result import SendResult
from minimq.client.producer.transaction_mq_producer import TransactionMQProducer as AioTransaction
from minimq.common.message import Message
from minimq.common.message_client_id import MessageClientIDSetter
from minimq.common.message_queue import MessageQueue
from minimq.errors import MiniMQError, RemotingTooMuchRequestError
from minimq.remoting.remoting_client import PACE_FIELD
from minimq.telemetry import catalog

ASYNC_SENDS_MAX = 50_000
"""Java: the queue of AsyncSenderExecutor."""
CHANNELS_MAX = 64
"""Blocking sockets that one producer keeps per broker: one per thread that sends at a time."""
SERVICE = "producer"


class _Face:
    """Hands everything to the async object, on its loop; settings read and write through."""

    def __init__(self, inner: Any) -> None:
        object.__setattr__(self, "_inner", inner)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if inspect.iscoroutinefunction(value):
            return lambda *args, **kwargs: loop_thread().run(value(*args, **kwargs))
        if inspect.ismethod(value):
            return lambda *args, **kwargs: loop_thread().call(value, *args, **kwargs)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._inner, name, value)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *dir(self._inner)})

    def __repr__(self) -> str:
        group = getattr(self._inner, "producer_group", None) or self._inner.consumer_group
        return f"{type(self).__name__}({group!r}, {self._inner.service_state.name})"

    def start(self) -> None:
        loop_thread().run(self._inner.start())

    def shutdown(self) -> None:
        loop_thread().run(self._inner.shutdown())

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.shutdown()  # it may run already, with a subscription that a broker refuses
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.shutdown()


class DefaultMQProducer(_Face):
    """`with DefaultMQProducer("shop", namesrv_addr="127.0.0.1:9876") as producer: …`"""

    def __init__(self, producer_group: str, **settings: Any) -> None:
        self._setup(AioProducer(producer_group, **settings))

    def _setup(self, inner: AioProducer) -> None:
        super().__init__(inner)
        self._channels: dict[str, list[BlockingChannel]] = {}
        self._ended = False
        self._ids: MessageClientIDSetter | None = None
        self._outbox: deque[tuple[Any, ...]] = deque()

    def start(self) -> None:
        super().start()
        host = self._inner.impl.host
        identity = host.identity
        loader = loop_thread().call(host.random.getrandbits, 32)
        self._now_millis = host.clock.now_millis
        self._ids = MessageClientIDSetter(identity.ip, identity.pid, loader, host.time_zone)

    def shutdown(self) -> None:
        super().shutdown()
        self._ended = True
        self._close_channels()

    def _close_channels(self) -> None:
        for channels in list(self._channels.values()):
            with suppress(IndexError):  # another thread was quicker
                while True:
                    channels.pop().close()

    # -- synchronous -----------------------------------------------------------------------------

    def send(
        self,
        message: Message | Sequence[Message],
        message_queue: MessageQueue | None = None,
        *,
        selector: MessageQueueSelector | None = None,
        arg: Any = None,
        timeout_millis: float | None = None,
    ) -> SendResult:
        """Send and wait; a sequence goes as one batch. A chosen queue means one attempt only."""
        impl: MQProducerImpl = self._inner.impl
        if message_queue is not None or selector is not None or not _can_send_here(impl):
            inner: AioProducer = self._inner
            work = inner.send(
                message, message_queue, selector=selector, arg=arg, timeout_millis=timeout_millis
            )
            return loop_thread().run(work)
        timeout = impl.config.send_msg_timeout if timeout_millis is None else timeout_millis
        return self._send_here(impl, self._inner.batch(message), timeout)

    def _send_here(
        self, impl: MQProducerImpl, message: Message, timeout_millis: float
    ) -> SendResult:
        """MQProducerImpl.send_default_impl, on this thread."""
        began = impl.host.clock.now_micros()
        outgoing = impl.prepare(message, self._create_uniq_ids)
        info = impl.known_publish_info(outgoing.topic)
        if info is None:
            info = loop_thread().run(impl.try_to_find_topic_publish_info(outgoing.topic))
        retry = impl.new_retry(outgoing.topic, timeout_millis)
        while retry.wants_attempt(impl.spent_millis(began, timeout_millis)):
            queue = impl.select_one_message_queue(info, retry.last_broker_name)
            retry.began(queue.broker_name)
            try:
                result = self._attempt(impl, outgoing, queue, retry.remaining_millis)
            except MiniMQError as error:
                again = retry.failed(error, impl.spent_millis(began, timeout_millis))
                values = (outgoing.msg_id, outgoing.topic, queue.broker_name, retry.times)
                emit = impl.host.recorder.emit_from_thread
                emit(catalog.SEND_FAILED, SERVICE, *values, str(error), not again)
            else:
                if retry.succeeded(result):
                    break
        return retry.outcome()

    def _attempt(
        self, impl: MQProducerImpl, outgoing: Outgoing, queue: MessageQueue, remaining: float
    ) -> SendResult:
        address = impl.instance.route_table.find_broker_address_in_publish(queue.broker_name)
        if address is None or not impl.instance.links.state(address).whole:
            return loop_thread().run(impl.send_kernel_impl(outgoing, queue, remaining))
        request = build_send_request(outgoing, queue, impl.config, impl.host.clock.now_millis())
        pace = impl.host.pace
        if pace.factor != 1:
            request.ext_fields[PACE_FIELD] = f"{pace.factor:g}"
        patience = pace.timeout_millis(remaining)
        channel = self._borrow(address, patience)
        response = channel.call(request, patience)
        self._give_back(channel)
        result = impl.to_result(outgoing, queue.broker_name, address, response)
        impl.sent += 1
        return result

    def _borrow(self, address: str, patience_millis: float) -> BlockingChannel:
        channels = self._channels.setdefault(address, [])
        while channels:
            try:
                channel = channels.pop()
            except IndexError:  # another thread was quicker
                break
            if channel.is_open():
                return channel
            channel.close()
        return BlockingChannel(address, patience_millis)

    def _give_back(self, channel: BlockingChannel) -> None:
        channels = self._channels[channel.address]
        if len(channels) < CHANNELS_MAX:
            channels.append(channel)
        else:
            channel.close()
        if self._ended:  # while this thread waited for its answer
            self._close_channels()

    def _create_uniq_ids(self, number: int) -> Sequence[str]:
        """Called by many threads at once."""
        assert self._ids is not None
        return self._ids.create_uniq_ids(self._now_millis(), number)

    # -- asynchronous ----------------------------------------------------------------------------

    def send_async(
        self,
        message: Message | Sequence[Message],
        callback: SendCallback,
        message_queue: MessageQueue | None = None,
        *,
        timeout_millis: float | None = None,
    ) -> None:
        """Return at once; `callback(result, error)` runs on the client's loop thread."""
        if len(self._outbox) >= ASYNC_SENDS_MAX:
            raise RemotingTooMuchRequestError(f"{ASYNC_SENDS_MAX} asynchronous sends wait already")
        self._inner.impl.make_sure_state_ok()
        self._outbox.append((message, callback, message_queue, timeout_millis))
        if len(self._outbox) == 1:
            loop_thread().loop.call_soon_threadsafe(self._send_outbox)

    def _send_outbox(self) -> None:
        """On the loop: everything that was put there since the last time."""
        outbox = self._outbox
        while outbox:
            message, callback, message_queue, timeout_millis = outbox[0]
            try:
                inner = self._inner
                inner.send_async(message, callback, message_queue, timeout_millis=timeout_millis)
            except Exception as error:  # of this message alone, a callback's own included
                emit = self._inner.impl.host.recorder.emit
                emit(catalog.SERVICE_FAILED, SERVICE, f"an asynchronous send raised {error!r}")
            outbox.popleft()

    def send_oneway(self, message: Message, message_queue: MessageQueue | None = None) -> None:
        loop_thread().run(self._inner.send_oneway(message, message_queue))


def _can_send_here(impl: MQProducerImpl) -> bool:
    """Hooks, the fault table and whoever watches frames belong to the loop."""
    impl.make_sure_state_ok()
    return not (
        impl.send_message_hooks
        or impl.config.vip_channel_enabled
        or impl.check_forbidden_hooks
        or impl.config.send_latency_fault_enable
        or impl.instance.mq_client_api.remoting_client.rpc_hooks
        or impl.host.recorder.listening
    )


class TransactionMQProducer(DefaultMQProducer):
    def __init__(self, producer_group: str, **settings: Any) -> None:
        self._setup(AioTransaction(producer_group, **settings))


class DefaultMQPushConsumer(_Face):
    """Subscribe, register a listener, start; the listener runs on threads of its own."""

    def __init__(self, consumer_group: str, **settings: Any) -> None:
        super().__init__(AioPushConsumer(consumer_group, **settings))


class DefaultMQPullConsumer(_Face):
    def __init__(self, consumer_group: str, **settings: Any) -> None:
        super().__init__(AioPullConsumer(consumer_group, **settings))


class DefaultLitePullConsumer(_Face):
    def __init__(self, consumer_group: str, **settings: Any) -> None:
        super().__init__(AioLitePullConsumer(consumer_group, **settings))
