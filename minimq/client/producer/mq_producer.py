"""What users of the async face type to send.

Java:    client.producer.DefaultMQProducer
Posts:   RocketMQ生产消费流程浅析, DefaultMQProducerImpl#start
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minimq.client.client_config import ClientConfig
from minimq.client.hook import CheckForbiddenHook, EndTransactionHook, SendMessageHook
from minimq.client.mq_admin_face import MQAdminFace
from minimq.client.mq_client_instance import MQClientInstance
from minimq.client.mq_client_manager import MQClientManager, default_host
from minimq.client.producer.async_send import SendCallback
from minimq.client.producer.mq_producer_impl import MessageQueueSelector, MQProducerImpl
from minimq.client.producer.producer_config import ProducerConfig
from minimq.client.producer.request_response import RequestReply
from minimq.client.producer.send_result import SendResult
from minimq.client.producer.validators import check_group_is_not, check_message_queue
from minimq.client.service_state import (
    ServiceState,
    make_sure_can_start,
    make_sure_state_ok,
)
from minimq.client.trace.async_trace_dispatcher import AsyncTraceDispatcher
from minimq.client.trace.trace_hooks import EndTransactionTraceHook, SendMessageTraceHook
from minimq.common.host import Host
from minimq.common.message import Message, MessageBatch
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import DEFAULT_PRODUCER_GROUP
from minimq.errors import MessageIllegalError, MQClientError
from minimq.remoting.remoting_client import RPCHook

TRACE_SEND_TIMEOUT_MILLIS = 5_000
TRACE_MESSAGE_SIZE_MAX = 128_000


class DefaultMQProducer(MQAdminFace, ProducerConfig):
    """`async with DefaultMQProducer("shop", namesrv_addr="127.0.0.1:9876") as producer: …`"""

    def __init__(
        self,
        producer_group: str,
        *,
        host: Host | None = None,
        rpc_hook: RPCHook | None = None,
        **settings: Any,
    ) -> None:
        self.check_names(settings)
        super().__init__(producer_group=producer_group, **settings)
        self.service_state = ServiceState.CREATE_JUST
        self.send_message_hooks: list[SendMessageHook] = []
        self.check_forbidden_hooks: list[CheckForbiddenHook] = []
        self.end_transaction_hooks: list[EndTransactionHook] = []
        self.trace_dispatcher: AsyncTraceDispatcher | None = None
        self._host = host
        self._rpc_hook = rpc_hook
        self._impl: MQProducerImpl | None = None
        self._request_reply: RequestReply | None = None

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Check, join an instance, tell the brokers."""
        make_sure_can_start("producer", self.service_state)
        self.service_state = ServiceState.START_FAILED
        check_group_is_not(self.producer_group, DEFAULT_PRODUCER_GROUP, "producerGroup")
        self.producer_group = self.with_namespace(self.producer_group)
        host = self._host = self._host or default_host()
        manager = MQClientManager.get_instance(host)
        self.change_instance_name_to_pid(host.identity.pid, manager.nano_time)
        impl = self._make_impl(host)
        instance = manager.get_or_create_mq_client_instance(self)
        instance.add_rpc_hook(self._rpc_hook)
        if not impl.attach(instance):
            self.service_state = ServiceState.CREATE_JUST
            raise MQClientError(
                f"The producer group[{self.producer_group}] has been created before, "
                "specify another name please."
            )
        await instance.start_for(lambda: instance.producer_table.pop(self.producer_group, None))
        self._impl = impl
        self.service_state = ServiceState.RUNNING
        await instance.send_heartbeat_to_all_broker_with_lock()
        self._request_reply = RequestReply(impl)
        instance.client_remoting_processor.reply_waiters.append(self._request_reply)
        if self.enable_msg_trace:
            await self._start_trace(host)

    async def _start_trace(self, host: Host) -> None:
        """After the start, so that the hooks see no half-started producer."""
        topic = self.customized_trace_topic
        dispatcher = make_trace_dispatcher(self, host, self.producer_group, topic, self._rpc_hook)
        self.send_message_hooks.append(SendMessageTraceHook(dispatcher, self))
        self.end_transaction_hooks.append(EndTransactionTraceHook(dispatcher, self))
        self.trace_dispatcher = dispatcher
        await dispatcher.start_all()

    def _make_impl(self, host: Host) -> MQProducerImpl:
        impl = MQProducerImpl(self, host)
        impl.send_message_hooks = self.send_message_hooks
        impl.check_forbidden_hooks = self.check_forbidden_hooks
        impl.end_transaction_hooks = self.end_transaction_hooks
        return impl

    async def shutdown(self) -> None:
        if self.service_state is not ServiceState.RUNNING:
            return
        self.service_state = ServiceState.SHUTDOWN_ALREADY
        if self.trace_dispatcher is not None:
            await self.trace_dispatcher.shutdown()
        impl, instance = self.impl, self.instance
        if self._request_reply is not None:
            instance.client_remoting_processor.reply_waiters.remove(self._request_reply)
            self._request_reply.shutdown()
        await instance.unregister_producer(self.producer_group)
        impl.stop()
        await instance.shutdown()

    def kill(self) -> None:
        """End as SIGKILL would."""
        if self._impl is not None:
            self.service_state = ServiceState.SHUTDOWN_ALREADY
            if self.trace_dispatcher is not None:
                self.trace_dispatcher.kill_all()
            self._impl.stop()
            self._impl.instance.kill()

    @property
    def impl(self) -> MQProducerImpl:
        """Java: getDefaultMQProducerImpl()."""
        if self._impl is None:
            make_sure_state_ok("producer", self.service_state)
        assert self._impl is not None
        return self._impl

    @property
    def instance(self) -> MQClientInstance:
        """Java: getmQClientFactory()."""
        return self.impl.instance

    def register_send_message_hook(self, hook: SendMessageHook) -> None:
        self.send_message_hooks.append(hook)

    def register_check_forbidden_hook(self, hook: CheckForbiddenHook) -> None:
        self.check_forbidden_hooks.append(hook)

    def register_end_transaction_hook(self, hook: EndTransactionHook) -> None:
        self.end_transaction_hooks.append(hook)

    # -- sending ---------------------------------------------------------------------------------

    async def send(
        self,
        message: Message | Sequence[Message],
        message_queue: MessageQueue | None = None,
        *,
        selector: MessageQueueSelector | None = None,
        arg: Any = None,
        timeout_millis: float | None = None,
    ) -> SendResult:
        """Send and wait; a sequence goes as one batch. A chosen queue means one attempt only."""
        timeout = self.send_msg_timeout if timeout_millis is None else timeout_millis
        one = self.batch(message)
        if message_queue is not None:
            return await self.impl.send_to_queue(one, message_queue, timeout)
        if selector is not None:
            return await self.impl.send_select_impl(one, selector, arg, timeout)
        return await self.impl.send_default_impl(one, timeout)

    def send_async(
        self,
        message: Message | Sequence[Message],
        callback: SendCallback,
        message_queue: MessageQueue | None = None,
        *,
        timeout_millis: float | None = None,
    ) -> None:
        """Send and return at once; `callback(result, error)` runs on the loop."""
        timeout = self.send_msg_timeout if timeout_millis is None else timeout_millis
        impl = self.impl
        try:
            one = self.batch(message)
            if message_queue is not None:
                check_message_queue(message_queue)
        except MQClientError as error:
            callback(None, error)
            return
        impl.send_async(one, callback, timeout, message_queue)

    async def send_oneway(
        self, message: Message, message_queue: MessageQueue | None = None
    ) -> None:
        await self.impl.send_oneway(message, message_queue)

    @staticmethod
    def batch(message: Message | Sequence[Message]) -> Message:
        if isinstance(message, Message):
            return message
        if not isinstance(message, Sequence) or isinstance(message, str | bytes):
            raise MessageIllegalError(
                f"send takes a Message or a list of them, not {message!r:.80}"
            )
        wrong = [one for one in message if not isinstance(one, Message)]
        if wrong:
            raise MessageIllegalError(f"a batch holds Messages, not {wrong[0]!r:.80}")
        try:
            return MessageBatch(message)
        except ValueError as error:
            raise MessageIllegalError(f"Failed to initiate the MessageBatch: {error}") from error

    async def fetch_publish_message_queues(self, topic: str) -> list[MessageQueue]:
        info = await self.impl.try_to_find_topic_publish_info(self.with_namespace(topic))
        return [mq._replace(topic=topic) for mq in info.message_queue_list]

    async def request(self, message: Message, timeout_millis: float) -> Message:
        """Send and wait for the consumer's reply (RequestTimeoutError if none comes)."""
        self.impl.make_sure_state_ok()
        assert self._request_reply is not None
        return await self._request_reply.request(message, timeout_millis)

    def snapshot(self) -> dict[str, Any]:
        state = self.impl.snapshot()
        state["instance"] = self.instance.snapshot()
        return state


def make_trace_dispatcher(
    config: ClientConfig, host: Host, group: str, topic: str, rpc_hook: RPCHook | None
) -> AsyncTraceDispatcher:
    """A dispatcher with a producer of its own, in an instance of its own, untraced."""
    producer = DefaultMQProducer(
        f"_INNER_TRACE_PRODUCER-{group}",
        host=host,
        rpc_hook=rpc_hook,
        namesrv_addr=config.namesrv_addr,
        send_msg_timeout=TRACE_SEND_TIMEOUT_MILLIS,
        max_message_size=TRACE_MESSAGE_SIZE_MAX,
    )
    return AsyncTraceDispatcher(host, producer, topic)
