"""The shared core of all producers and consumers with one client id: routes, heartbeats, services.

Java:    client.impl.factory.MQClientInstance
Posts:   RocketMQ消费者消费消息, MQClientInstance.start; RocketMQ生产消费流程浅析
Differs: the thread-pool adjustment, whose body is empty in Java, is left out; a name server that
         cannot be reached fails no start, the next poll asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from minimq.client.client_config import ClientConfig
from minimq.client.client_remoting_processor import ClientRemotingProcessor
from minimq.client.consumer.pull_message_service import PullMessageService
from minimq.client.consumer.rebalance_service import RebalanceService
from minimq.client.heartbeats import Heartbeats
from minimq.client.mq_client_api import MQClientAPI
from minimq.client.producer.mq_producer_impl import MQProducerImpl
from minimq.client.producer.producer_config import ProducerConfig
from minimq.client.scheduled_service import ScheduledService
from minimq.client.service_state import ServiceState
from minimq.client.subscription_versions import SubscriptionVersions
from minimq.client.topic_route_table import (
    TopicRouteTable,
    limit_queue_nums,
    topic_route_data_2_topic_publish_info,
    topic_route_data_2_topic_subscribe_info,
)
from minimq.common.host import Host
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import (
    AUTO_CREATE_TOPIC,
    CLIENT_INNER_PRODUCER_GROUP,
    is_retry_topic,
)
from minimq.errors import MiniMQError, MQClientError, RemotingError, ServiceStateError
from minimq.protocol.client_body import ConsumerRunningInfo
from minimq.protocol.consumer_enums import ConsumeFromWhere, ConsumeType, ExpressionType
from minimq.protocol.heartbeat import MessageModel
from minimq.protocol.route import TopicRouteData
from minimq.protocol.subscription_data import SubscriptionData
from minimq.remoting.link_table import LinkTable
from minimq.remoting.remoting_client import RPCHook
from minimq.remoting.request_dispatcher import RequestDispatcher
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.mq_client_manager import MQClientManager

LOCK_TIMEOUT_MILLIS = 3_000
SERVICE = "MQClientFactoryScheduledThread"


class MQConsumerInner(Protocol):
    """What an instance asks of a push, pull or lite-pull consumer."""

    @property
    def group_name(self) -> str: ...
    @property
    def message_model(self) -> MessageModel: ...
    @property
    def consume_type(self) -> ConsumeType: ...
    @property
    def consume_from_where(self) -> ConsumeFromWhere: ...
    @property
    def unit_mode(self) -> bool: ...

    def subscriptions(self) -> list[SubscriptionData]: ...
    def is_subscribe_topic_need_update(self, topic: str) -> bool: ...
    def update_topic_subscribe_info(self, topic: str, queues: tuple[MessageQueue, ...]) -> None: ...
    async def do_rebalance(self) -> None: ...
    async def persist_consumer_offset(self) -> None: ...
    def consumer_running_info(self) -> ConsumerRunningInfo: ...


class MQClientInstance:
    def __init__(
        self, config: ClientConfig, client_id: str, host: Host, manager: MQClientManager
    ) -> None:
        self.config = config
        self.client_id = client_id
        self.host = host
        self.service_state = ServiceState.CREATE_JUST
        self.producer_table: dict[str, MQProducerImpl] = {}
        self.consumer_table: dict[str, MQConsumerInner] = {}
        self.route_table = TopicRouteTable()
        self.subscription_versions = SubscriptionVersions()
        self.heartbeats = Heartbeats(self)
        self._manager = manager
        self.message_client_id_setter = manager.message_client_id_setter
        dispatcher = RequestDispatcher(host)
        self.client_remoting_processor = ClientRemotingProcessor(self, dispatcher)
        self.mq_client_api = MQClientAPI(
            host, dispatcher, manager.links, config.mq_client_api_timeout
        )
        self.pull_message_service = PullMessageService(self)
        self.rebalance_service = RebalanceService(self)
        self.scheduler = ScheduledService(host, SERVICE)
        inner = ProducerConfig(producer_group=CLIENT_INNER_PRODUCER_GROUP)
        self.default_mq_producer = MQProducerImpl(inner, host)
        self._name_server_failure: MiniMQError | None = None
        self._lock_namesrv = asyncio.Lock()

    @property
    def links(self) -> LinkTable:
        """The cables of this process, for a learner to cut."""
        return self._manager.links

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        if self.service_state is ServiceState.START_FAILED:
            raise ServiceStateError(
                f"The Factory object[{self.client_id}] has been created before, and failed."
            )
        if self.service_state is not ServiceState.CREATE_JUST:
            return
        self.service_state = ServiceState.START_FAILED
        remoting = self.mq_client_api.remoting_client
        remoting.update_name_server_address_list(self.config.name_server_addresses())
        remoting.start()
        self._start_scheduled_task()
        self.pull_message_service.start()
        self.rebalance_service.start()
        self.default_mq_producer.attach(self)
        self.service_state = ServiceState.RUNNING
        self.host.recorder.emit(catalog.CLIENT_STARTED, SERVICE, self.client_id)

    async def start_for(self, undo: Callable[[], object]) -> None:
        """Start for a new member; if that fails the member is forgotten, and so are we."""
        try:
            await self.start()
        except MiniMQError:
            undo()
            self._manager.remove_client_factory(self.client_id)
            raise

    def add_rpc_hook(self, hook: RPCHook | None) -> None:
        hooks = self.mq_client_api.remoting_client.rpc_hooks
        if hook is not None and hook not in hooks:
            hooks.append(hook)

    def _start_scheduled_task(self) -> None:
        """One thread for all; the first times are RocketMQ's."""
        every = self.scheduler.schedule_at_fixed_rate
        config = self.config
        every("update routes", self._update_routes, 10, config.poll_name_server_interval)
        every("heartbeat", self._heartbeat, 1_000, config.heartbeat_broker_interval)
        every(
            "persist offsets",
            self._persist_all_consumer_offset,
            10_000,
            config.persist_consumer_offset_interval,
        )
        self.scheduler.start()

    async def shutdown(self) -> None:
        """Ends with the last consumer and the last producer that is not the inner one."""
        if self.consumer_table or len(self.producer_table) > 1:
            return
        if self.service_state is not ServiceState.RUNNING:
            return
        self.service_state = ServiceState.SHUTDOWN_ALREADY
        await self.unregister_producer(CLIENT_INNER_PRODUCER_GROUP)
        await self.pull_message_service.shutdown()
        await self.scheduler.shutdown()
        await self.mq_client_api.remoting_client.shutdown()
        await self.rebalance_service.shutdown()
        self.client_remoting_processor.kill()
        self._manager.remove_client_factory(self.client_id)
        self.host.recorder.emit(catalog.CLIENT_STOPPED, SERVICE, self.client_id)

    def kill(self) -> None:
        """End as SIGKILL would: nothing is sent, nothing is told."""
        self.service_state = ServiceState.SHUTDOWN_ALREADY
        self.pull_message_service.kill()
        self.scheduler.kill()
        self.rebalance_service.kill()
        self.client_remoting_processor.kill()
        self.mq_client_api.remoting_client.kill()
        self._manager.remove_client_factory(self.client_id)

    # -- members ---------------------------------------------------------------------------------

    def register_consumer(self, group: str, consumer: MQConsumerInner) -> bool:
        """One of a group per instance: false if there is one already."""
        return self.consumer_table.setdefault(group, consumer) is consumer

    def register_producer(self, group: str, producer: MQProducerImpl) -> bool:
        return self.producer_table.setdefault(group, producer) is producer

    async def unregister_consumer(self, group: str) -> None:
        self.consumer_table.pop(group, None)
        await self._unregister_client(None, group)

    async def unregister_producer(self, group: str) -> None:
        self.producer_table.pop(group, None)
        await self._unregister_client(group, None)

    async def _unregister_client(
        self, producer_group: str | None, consumer_group: str | None
    ) -> None:
        """Tell every broker that we know; one that does not answer finds out by itself."""
        for _, _, address in self.route_table.known_brokers():
            try:
                await self.mq_client_api.unregister_client(
                    address, self.client_id, producer_group, consumer_group
                )
            except MiniMQError as error:
                self._failed("unregister", error)

    # -- routes ----------------------------------------------------------------------------------

    def topics(self) -> list[str]:
        """Subscribed and published, TBW102 among them."""
        topics = [sub.topic for x in self.consumer_table.values() for sub in x.subscriptions()]
        for producer in self.producer_table.values():
            topics += producer.get_publish_topic_list()
        return list(dict.fromkeys(topics))

    async def _update_routes(self) -> None:
        for topic in self.topics():
            await self.update_topic_route_info_from_name_server(topic)

    async def update_topic_route_info_from_name_server(
        self, topic: str, default_topic_queue_nums: int | None = None
    ) -> bool:
        """Fetch and believe a route; true if it changed.

        With `default_topic_queue_nums` the route of TBW102 is taken in its place: the topic does
        not exist yet and will be created after that pattern.
        """
        try:
            async with asyncio.timeout(self.host.pace.timeout_millis(LOCK_TIMEOUT_MILLIS) / 1_000):
                await self._lock_namesrv.acquire()
        except TimeoutError:
            self._failed("update route", MQClientError("another route update takes too long"))
            return False
        try:
            route = await self._fetch_route(topic, default_topic_queue_nums)
        finally:
            self._lock_namesrv.release()
        return route is not None and self._believe(topic, route)

    async def _fetch_route(
        self, topic: str, default_queue_nums: int | None
    ) -> TopicRouteData | None:
        api = self.mq_client_api
        error: MiniMQError | None = None
        route = None
        try:
            if default_queue_nums is None:
                route = await api.get_topic_route_info_from_name_server(topic)
            else:
                route = await api.get_topic_route_info_from_name_server(AUTO_CREATE_TOPIC)
                route = limit_queue_nums(route, default_queue_nums)
        except MiniMQError as raised:
            error = raised
        self._name_server_failure = error if isinstance(error, RemotingError) else None
        emit = self.host.recorder.emit
        namesrv = api.remoting_client.chosen_name_server() or ""
        wait = self.config.poll_name_server_interval
        emit(catalog.CLIENT_ROUTE_POLLED, SERVICE, topic, namesrv, route is not None, wait)
        if error is not None and not is_retry_topic(topic) and topic != AUTO_CREATE_TOPIC:
            emit(catalog.CLIENT_ROUTE_FAILED, SERVICE, topic, str(error))
        return route

    def why_no_route(self) -> str:
        """For an error's text: the last question was not answered at all."""
        failure = self._name_server_failure
        return f" (no name server answers: {failure})" if failure is not None else ""

    def _believe(self, topic: str, route: TopicRouteData) -> bool:
        changed = self.route_table.is_changed(topic, route)
        if not (changed or self._is_need_update(topic)):
            return False
        self.route_table.put(topic, route)
        for producer in self.producer_table.values():
            info = topic_route_data_2_topic_publish_info(topic, route, self._random_start)
            producer.update_topic_publish_info(topic, info)
        queues = topic_route_data_2_topic_subscribe_info(topic, route)
        for consumer in self.consumer_table.values():
            consumer.update_topic_subscribe_info(topic, queues)
        if changed:
            self._tell_route(topic)
        return True

    def _tell_route(self, topic: str) -> None:
        brokers = " ".join(
            f"{x.broker_name}:{x.write_queue_nums}:{x.perm}"
            for x in self.route_table.topic_route_table[topic].queue_datas
        )
        self.host.recorder.emit(catalog.CLIENT_ROUTE_CHANGED, SERVICE, topic, brokers)

    def _random_start(self) -> int:
        return self.host.random.getrandbits(31)

    def _is_need_update(self, topic: str) -> bool:
        """The route is the same, but a member has nothing usable for the topic yet."""
        return any(
            x.is_publish_topic_need_update(topic) for x in self.producer_table.values()
        ) or any(x.is_subscribe_topic_need_update(topic) for x in self.consumer_table.values())

    async def find_consumer_id_list(self, topic: str, group: str) -> list[str] | None:
        """Asked of a broker of the topic, not of the name server; None if it cannot be had."""
        address = self._broker_of_topic(topic)
        if address is None:
            await self.update_topic_route_info_from_name_server(topic)
            address = self._broker_of_topic(topic)
        if address is None:
            return None
        try:
            return await self.mq_client_api.get_consumer_id_list_by_group(address, group)
        except MiniMQError as error:
            self._failed(f"members of {group} from {address}", error)
            return None

    def _broker_of_topic(self, topic: str) -> str | None:
        return self.route_table.find_broker_addr_by_topic(topic, self.host.random)

    async def find_master(self, broker_name: str, topic: str) -> str:
        """The master's address, after asking for the route once; MQClientError if unknown."""
        address = self.route_table.find_broker_address_in_publish(broker_name)
        if address is None:
            await self.update_topic_route_info_from_name_server(topic)
            address = self.route_table.find_broker_address_in_publish(broker_name)
        if address is None:
            raise MQClientError(f"The broker[{broker_name}] not exist")
        return address

    # -- heartbeats ------------------------------------------------------------------------------

    async def _heartbeat(self) -> None:
        self.clean_offline_broker()
        await self.send_heartbeat_to_all_broker_with_lock()

    def clean_offline_broker(self) -> None:
        for name, address in self.route_table.clean_offline_broker():
            self.subscription_versions.forget(address)
            self.host.recorder.emit(catalog.CLIENT_BROKER_FORGOTTEN, SERVICE, name, address)

    async def send_heartbeat_to_all_broker_with_lock(self) -> None:
        await self.heartbeats.send_to_all_with_lock()

    async def introduce(self, broker_name: str, group: str, topic: str) -> None:
        """Let a broker hear of a subscription before the first pull, which it would refuse."""
        await self.heartbeats.introduce(broker_name, group, topic)

    async def check_client_in_broker(self) -> None:
        """Expressions that are no tags are compiled by one broker before anything is pulled."""
        for consumer in self.consumer_table.values():
            for sub in consumer.subscriptions():
                if ExpressionType.is_tag_type(sub.expression_type):
                    continue
                address = self._broker_of_topic(sub.topic)
                if address is not None:
                    await self.mq_client_api.check_client_in_broker(
                        address, consumer.group_name, self.client_id, sub
                    )

    # -- consumers -------------------------------------------------------------------------------

    def rebalance_immediately(self) -> None:
        self.rebalance_service.wakeup()

    async def do_rebalance(self) -> None:
        for consumer in list(self.consumer_table.values()):
            await consumer.do_rebalance()

    async def _persist_all_consumer_offset(self) -> None:
        for consumer in list(self.consumer_table.values()):
            await consumer.persist_consumer_offset()

    def _failed(self, what: str, error: BaseException) -> None:
        self.host.recorder.emit(catalog.SERVICE_FAILED, SERVICE, f"{what}: {error}")

    def snapshot(self) -> dict[str, Any]:
        """What this client believes about the cluster, and when it looks again."""
        table = self.route_table
        return {
            "client_id": self.client_id,
            "state": self.service_state.name,
            "namesrv": self.mq_client_api.remoting_client.chosen_name_server(),
            "brokers": {name: dict(ids) for name, ids in table.broker_addr_table.items()},
            "routes": {
                topic: [
                    [x.broker_name, x.read_queue_nums, x.write_queue_nums, x.perm]
                    for x in route.queue_datas
                ]
                for topic, route in table.topic_route_table.items()
            },
            "next_route_poll_millis": self.scheduler.due_in_millis("update routes"),
            "next_heartbeat_millis": self.scheduler.due_in_millis("heartbeat"),
            "next_persist_millis": self.scheduler.due_in_millis("persist offsets"),
            "producers": list(self.producer_table),
            "consumers": list(self.consumer_table),
        }
