"""What users of the async face type to consume by push.

Java:    client.consumer.DefaultMQPushConsumer, DefaultMQPushConsumerImpl#start
Posts:   RocketMQ消费者消费消息, DefaultMQPushConsumer启动流程
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minimq.client.consumer.consumer_config import PushConsumerConfig, check_config
from minimq.client.consumer.listener import (
    ConcurrentListener,
    MessageListenerConcurrently,
    MessageListenerOrderly,
    OrderlyListener,
)
from minimq.client.consumer.message_selector import MessageSelector
from minimq.client.consumer.mq_push_consumer_impl import MQPushConsumerImpl
from minimq.client.consumer.offset_store import OffsetStore
from minimq.client.hook import ConsumeMessageHook, FilterMessageHook
from minimq.client.mq_admin_face import MQAdminFace
from minimq.client.mq_client_instance import MQClientInstance
from minimq.client.mq_client_manager import MQClientManager, default_host
from minimq.client.producer.mq_producer import make_trace_dispatcher
from minimq.client.producer.validators import check_subscription
from minimq.client.service_state import ServiceState, make_sure_can_start, make_sure_state_ok
from minimq.client.trace.async_trace_dispatcher import AsyncTraceDispatcher
from minimq.client.trace.trace_hooks import ConsumeMessageTraceHook
from minimq.common.host import Host
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import get_retry_topic
from minimq.errors import MQClientError, ServiceStateError
from minimq.protocol.client_body import ConsumerRunningInfo
from minimq.protocol.consumer_enums import ExpressionType, MessageModel
from minimq.protocol.filter_api import build
from minimq.protocol.subscription_data import SUB_ALL, SubscriptionData
from minimq.remoting.remoting_client import RPCHook
from minimq.telemetry import catalog

Listener = (
    ConcurrentListener | OrderlyListener | MessageListenerConcurrently | MessageListenerOrderly
)
SUB_CHANGED = "MQClientFactoryScheduledThread"


class DefaultMQPushConsumer(MQAdminFace, PushConsumerConfig):
    """Subscribe, register a listener, start."""

    def __init__(
        self,
        consumer_group: str,
        *,
        host: Host | None = None,
        rpc_hook: RPCHook | None = None,
        offset_store: OffsetStore | None = None,
        **settings: Any,
    ) -> None:
        self.check_names(settings)
        super().__init__(consumer_group=consumer_group, **settings)
        self.service_state = ServiceState.CREATE_JUST
        self.subscription: dict[str, SubscriptionData] = {}
        self.consume_message_hooks: list[ConsumeMessageHook] = []
        self.filter_message_hooks: list[FilterMessageHook] = []
        self.trace_dispatcher: AsyncTraceDispatcher | None = None
        self._listener: Callable[..., Any] | None = None
        self._orderly = False
        self._host = host
        self._rpc_hook = rpc_hook
        self._offset_store = offset_store
        self._impl: MQPushConsumerImpl | None = None

    # -- before the start ------------------------------------------------------------------------

    def subscribe(self, topic: str, expression: str | MessageSelector | None = SUB_ALL) -> None:
        """`expression`: `*`, `TagA || TagB`, or MessageSelector.by_sql(…). Also while running."""
        chosen = expression
        if not isinstance(chosen, MessageSelector):
            chosen = MessageSelector(chosen or SUB_ALL)
        check_subscription(topic, chosen.expression)
        self._not_after_shutdown()
        topic = self.with_namespace(topic)
        now_millis = self._host.clock.now_millis() if self._host else 0
        try:
            data = build(topic, chosen.expression, chosen.expression_type, now_millis)
        except ValueError as error:
            raise MQClientError(f"subscription exception: {error}") from error
        self.subscription[topic] = data
        if self._impl is not None:
            self._impl.rebalance.subscription_inner[topic] = data
            self._impl.spawn(self.instance.send_heartbeat_to_all_broker_with_lock())

    def unsubscribe(self, topic: str) -> None:
        """Its queues are given up by the next rebalance."""
        self._not_after_shutdown()
        topic = self.with_namespace(topic)
        self.subscription.pop(topic, None)
        if self._impl is not None:
            self._impl.rebalance.subscription_inner.pop(topic, None)

    def register_message_listener(self, listener: Listener, *, orderly: bool = False) -> None:
        """A function (messages, context), or an object of one of the two listener classes."""
        if self._impl is not None:
            raise ServiceStateError("a listener is registered before start(), and then stays")
        if isinstance(listener, MessageListenerConcurrently | MessageListenerOrderly):
            orderly = isinstance(listener, MessageListenerOrderly)
            self._listener = listener.consume_message
        elif callable(listener):
            self._listener = listener
        else:
            raise MQClientError(f"a listener is a function (messages, context), not {listener!r}")
        self._orderly = orderly

    def register_consume_message_hook(self, hook: ConsumeMessageHook) -> None:
        self.consume_message_hooks.append(hook)

    def register_filter_message_hook(self, hook: FilterMessageHook) -> None:
        self.filter_message_hooks.append(hook)

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """The steps of DefaultMQPushConsumerImpl#start, in its order."""
        make_sure_can_start("PushConsumer", self.service_state)
        self.service_state = ServiceState.START_FAILED
        self.consumer_group = self.with_namespace(self.consumer_group)
        check_config(self, bool(self.subscription), self._listener is not None)
        host = self._host = self._host or default_host()
        manager = MQClientManager.get_instance(host)
        self._step("config checked")
        if self.message_model is MessageModel.CLUSTERING:
            self.change_instance_name_to_pid(host.identity.pid, manager.nano_time)
        instance = manager.get_or_create_mq_client_instance(self)
        instance.add_rpc_hook(self._rpc_hook)
        self._step("instance created")
        impl = self._make_impl(instance)
        self._copy_subscription(impl)
        impl.offset_store.load()
        self._step("offsets loaded")
        impl.consume_message_service.start()
        if not instance.register_consumer(self.consumer_group, impl):
            self.service_state = ServiceState.CREATE_JUST
            await impl.consume_message_service.shutdown(0)
            raise MQClientError(
                f"The consumer group[{self.consumer_group}] has been created before, "
                "specify another name please."
            )
        await instance.start_for(lambda: self._undo(instance, impl))
        impl.running = True
        self._impl = impl
        self.service_state = ServiceState.RUNNING
        self._step("instance started")
        for topic in list(impl.rebalance.subscription_inner):
            await instance.update_topic_route_info_from_name_server(topic)
        self._step("routes known")
        await instance.check_client_in_broker()
        await instance.send_heartbeat_to_all_broker_with_lock()
        self._step("heartbeats sent")
        if self.enable_msg_trace:
            await self._start_trace(host)
        instance.rebalance_immediately()

    async def _start_trace(self, host: Host) -> None:
        group, topic = self.consumer_group, self.customized_trace_topic
        dispatcher = make_trace_dispatcher(self, host, group, topic, self._rpc_hook)
        self.consume_message_hooks.append(ConsumeMessageTraceHook(dispatcher, self))
        self.trace_dispatcher = dispatcher
        await dispatcher.start_all()

    def _make_impl(self, instance: MQClientInstance) -> MQPushConsumerImpl:
        assert self._listener is not None
        impl = MQPushConsumerImpl(self, instance, self._listener, self._orderly, self._offset_store)
        impl.consume_message_hooks = self.consume_message_hooks
        impl.pull_api_wrapper.filter_message_hooks = self.filter_message_hooks
        return impl

    def _copy_subscription(self, impl: MQPushConsumerImpl) -> None:
        """What the user subscribed, and in clustering the group's retry topic."""
        subscriptions = dict(self.subscription)
        if self.message_model is MessageModel.CLUSTERING:
            retry = get_retry_topic(self.consumer_group)
            subscriptions[retry] = build(retry, SUB_ALL, ExpressionType.TAG)
        for data in subscriptions.values():
            data.sub_version = data.sub_version or impl.host.clock.now_millis()
        impl.rebalance.subscription_inner.update(subscriptions)

    def _undo(self, instance: MQClientInstance, impl: MQPushConsumerImpl) -> None:
        instance.consumer_table.pop(self.consumer_group, None)
        impl.kill()

    def _not_after_shutdown(self) -> None:
        if self.service_state is ServiceState.SHUTDOWN_ALREADY:
            make_sure_state_ok("PushConsumer", self.service_state)

    def _step(self, step: str) -> None:
        assert self._host is not None
        self._host.recorder.emit(catalog.CLIENT_START_STEP, "consumer", step)

    async def shutdown(self) -> None:
        """Stop the listener, report offsets, leave the group, end the instance."""
        if self.service_state is not ServiceState.RUNNING:
            return
        self.service_state = ServiceState.SHUTDOWN_ALREADY
        impl, instance = self.impl, self.instance
        await impl.consume_message_service.shutdown(self.await_termination_millis_when_shutdown)
        impl.running = False
        await impl.persist_consumer_offset("shutdown")
        await instance.unregister_consumer(self.consumer_group)
        await instance.shutdown()
        if self.trace_dispatcher is not None:
            await self.trace_dispatcher.shutdown()
        impl.rebalance.destroy()
        impl.kill()

    def kill(self) -> None:
        """End as SIGKILL would."""
        if self._impl is not None:
            self.service_state = ServiceState.SHUTDOWN_ALREADY
            if self.trace_dispatcher is not None:
                self.trace_dispatcher.kill_all()
            self._impl.kill()
            self._impl.instance.kill()

    @property
    def impl(self) -> MQPushConsumerImpl:
        """Java: getDefaultMQPushConsumerImpl()."""
        if self._impl is None:
            make_sure_state_ok("PushConsumer", self.service_state)
        assert self._impl is not None
        return self._impl

    @property
    def instance(self) -> MQClientInstance:
        return self.impl.instance

    # -- while it runs ---------------------------------------------------------------------------

    def suspend(self) -> None:
        """Pulls are put off by a second each, and rebalances are skipped."""
        self._not_after_shutdown()
        self.impl.paused = True

    def resume(self) -> None:
        self._not_after_shutdown()
        self.impl.resume()

    def update_core_pool_size(self, core_pool_size: int) -> None:
        """Threads that run the listener."""
        if not 1 <= core_pool_size <= self.consume_thread_max:
            raise MQClientError(
                f"core_pool_size must be between 1 and consume_thread_max "
                f"({self.consume_thread_max}), got {core_pool_size}"
            )
        self.consume_thread_min = core_pool_size
        self.impl.consume_message_service.executor.resize(core_pool_size)

    async def send_message_back(
        self, message: MessageExt, delay_level: int, broker_name: str = ""
    ) -> None:
        """Ask for one more delivery of a message, later."""
        await self.impl.send_message_back(message, delay_level, broker_name)

    async def fetch_subscribe_message_queues(self, topic: str) -> list[MessageQueue]:
        topic = self.with_namespace(topic)
        table = self.impl.rebalance.topic_subscribe_info_table
        if topic not in table:
            await self.instance.update_topic_route_info_from_name_server(topic)
        if topic not in table:
            raise MQClientError(f"The topic[{topic}] not exist")
        return [mq._replace(topic=self.without_namespace(topic)) for mq in table[topic]]

    def consumer_running_info(self) -> ConsumerRunningInfo:
        return self.impl.consumer_running_info()

    def snapshot(self) -> dict[str, Any]:
        state = self.impl.snapshot()
        state["instance"] = self.instance.snapshot()
        return state
