"""What the two consumers have in common whose users ask for messages: settings, start and end.

Java:    the lines that client.impl.consumer.DefaultMQPullConsumerImpl and
         DefaultLitePullConsumerImpl share
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from minimq.client.client_config import ClientConfig
from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMessageQueueAveragely,
    AllocateMessageQueueStrategy,
)
from minimq.client.consumer.offset_store import OffsetStore, make_offset_store
from minimq.client.consumer.pull_api_wrapper import PullAPIWrapper
from minimq.client.consumer.rebalance import RebalanceImpl
from minimq.client.consumer.subscribed import Subscribed
from minimq.client.mq_admin_face import MQAdminFace
from minimq.client.mq_client_instance import MQClientInstance
from minimq.client.mq_client_manager import MQClientManager, default_host
from minimq.client.producer.validators import (
    check_choice,
    check_group_is_not,
)
from minimq.client.service_state import ServiceState, make_sure_can_start, make_sure_state_ok
from minimq.common.host import Host
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import DEFAULT_CONSUMER_GROUP
from minimq.errors import MQClientError
from minimq.protocol.client_body import ConsumerRunningInfo
from minimq.protocol.consumer_enums import ConsumeFromWhere, ConsumeType, MessageModel
from minimq.remoting.remoting_client import RPCHook


@dataclass(kw_only=True, eq=False)
class PullingConsumerConfig(ClientConfig):
    """Times in milliseconds."""

    consumer_group: str = DEFAULT_CONSUMER_GROUP
    """Consumers that share queues and positions."""
    message_model: MessageModel = MessageModel.CLUSTERING
    """CLUSTERING: each message to one member; BROADCASTING: to all."""
    broker_suspend_max_time_millis: int = 20_000
    """How long a broker may hold a pull that finds nothing."""
    consumer_timeout_millis_when_suspend: int = 30_000
    """Patience with a pull that may be held."""
    local_offset_store_dir: str = ".rocketmq_offsets"
    """Below it, a broadcasting client keeps its positions."""
    allocate_message_queue_strategy: AllocateMessageQueueStrategy = field(
        default_factory=AllocateMessageQueueAveragely
    )
    """How members divide the queues; all must use the same."""


class PullingConsumer(Subscribed, MQAdminFace, PullingConsumerConfig):
    who: ClassVar[str]
    """As Java's errors name this kind."""
    consume_type = ConsumeType.CONSUME_ACTIVELY
    consume_from_where: ConsumeFromWhere
    offset_store: OffsetStore
    pull_api_wrapper: PullAPIWrapper

    def __init__(
        self,
        consumer_group: str,
        *,
        host: Host | None = None,
        rpc_hook: RPCHook | None = None,
        **settings: Any,
    ) -> None:
        self.check_names(settings)
        super().__init__(consumer_group=consumer_group, **settings)
        self.service_state = ServiceState.CREATE_JUST
        self._host = host
        self._rpc_hook = rpc_hook
        self._instance: MQClientInstance | None = None

    # -- what a kind adds ------------------------------------------------------------------------

    @abstractmethod
    def make_rebalance(self, instance: MQClientInstance) -> RebalanceImpl:
        """With what is subscribed already."""

    @abstractmethod
    async def operate_after_running(self, instance: MQClientInstance) -> None: ...

    @abstractmethod
    async def leave_queues(self) -> None:
        """Report where the user stands; no pull begins any more."""

    @abstractmethod
    async def persist_consumer_offset(self) -> None: ...

    @abstractmethod
    def consumer_running_info(self) -> ConsumerRunningInfo: ...

    @abstractmethod
    def queue_snapshots(self) -> list[dict[str, Any]]: ...

    def check_config(self) -> None:
        check_group_is_not(self.consumer_group, DEFAULT_CONSUMER_GROUP, "consumerGroup")
        check_choice(self, "message_model", MessageModel)

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        make_sure_can_start(self.who, self.service_state)
        self.service_state = ServiceState.START_FAILED
        self.consumer_group = self.with_namespace(self.consumer_group)
        self.check_config()
        host = self._host = self._host or default_host()
        manager = MQClientManager.get_instance(host)
        if self.message_model is MessageModel.CLUSTERING:
            self.change_instance_name_to_pid(host.identity.pid, manager.nano_time)
        instance = manager.get_or_create_mq_client_instance(self)
        instance.add_rpc_hook(self._rpc_hook)
        folder = self.local_offset_store_dir
        group, model = self.consumer_group, self.message_model
        self.offset_store = make_offset_store(instance, group, model, folder)
        self.offset_store.load()
        self.pull_api_wrapper = PullAPIWrapper(instance, group, self.unit_mode)
        self.rebalance = self.make_rebalance(instance)
        if not instance.register_consumer(group, self):
            self.service_state = ServiceState.CREATE_JUST
            raise MQClientError(
                f"The consumer group[{group}] has been created before, specify another name please."
            )
        await instance.start_for(lambda: instance.consumer_table.pop(group, None))
        self._instance = instance
        self.service_state = ServiceState.RUNNING
        await self.operate_after_running(instance)

    async def shutdown(self) -> None:
        if self.service_state is not ServiceState.RUNNING:
            return
        instance = self.instance
        await self.leave_queues()
        await instance.unregister_consumer(self.consumer_group)
        await instance.shutdown()
        self.service_state = ServiceState.SHUTDOWN_ALREADY

    def kill(self) -> None:
        """End as SIGKILL would."""
        if self._instance is not None:
            self.service_state = ServiceState.SHUTDOWN_ALREADY
            self._instance.kill()

    @property
    def instance(self) -> MQClientInstance:
        make_sure_state_ok(self.who, self.service_state)
        assert self._instance is not None
        return self._instance

    async def do_rebalance(self) -> None:
        await self.rebalance.do_rebalance(is_order=False)

    # -- queues ----------------------------------------------------------------------------------

    async def queues_of(self, topic: str) -> list[MessageQueue]:
        """Every queue of the topic that may be read, under the name that the user gave it."""
        queues = await self.admin.fetch_subscribe_message_queues(self.with_namespace(topic))
        return [mq._replace(topic=topic) for mq in queues]

    def snapshot(self) -> dict[str, Any]:
        return {
            "consumer_group": self.consumer_group,
            "client_id": self.client_id,
            "state": self.service_state.name,
            "members": dict(self.rebalance.members),
            "queues": self.queue_snapshots(),
            "instance": self.instance.snapshot(),
        }
