"""A broker: everything wired together, started and stopped in order.

Java:    broker.BrokerController
Posts:   RocketMQ生产消费流程浅析
Differs: each pool of threads is a bounded queue of the dispatcher; the tasks of the scheduled
         executor are services of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from minimq.acl.acl_client_rpc_hook import AclClientRPCHook, SessionCredentials
from minimq.broker.broker_acl import BrokerAcl
from minimq.broker.broker_config import LIVE_SETTINGS, BrokerConfig
from minimq.broker.broker_fast_failure import BrokerFastFailure
from minimq.broker.broker_outer_api import (
    BrokerIdentity,
    BrokerOuterAPI,
    RegisterBrokerResult,
)
from minimq.broker.broker_ports import BrokerPorts
from minimq.broker.broker_snapshot import broker_snapshot
from minimq.broker.broker_stats_manager import BrokerStatsManager
from minimq.broker.config_tables import ConfigTables
from minimq.broker.consumer_manager import ConsumerManager
from minimq.broker.consumer_offset_manager import ConsumerOffsetManager
from minimq.broker.later_answers import LaterAnswers
from minimq.broker.processor.client_manage import ClientManageProcessor
from minimq.broker.processor.pull_message import PullMessageProcessor
from minimq.broker.processor.send_message import SendMessageProcessor
from minimq.broker.processors import register_processors
from minimq.broker.producer_manager import ProducerManager
from minimq.broker.pull_request_hold_service import PullRequestHoldService
from minimq.broker.rebalance_lock_manager import RebalanceLockManager
from minimq.broker.scheduled_tasks import scheduled_tasks
from minimq.broker.slave_synchronize import SlaveSynchronize
from minimq.broker.subscription_group_manager import SubscriptionGroupManager
from minimq.broker.topic_config_manager import TopicConfigManager
from minimq.broker.transaction.transactional_message_service import TransactionalMessageService
from minimq.common.host import Host
from minimq.common.mix_all import MASTER_ID
from minimq.common.settings import to_properties, with_setting
from minimq.errors import ConfigError
from minimq.protocol.config_body import TopicConfig
from minimq.protocol.message_codec import encode_host
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import RequestDispatcher, ResponseError
from minimq.store.message_store import DefaultMessageStore
from minimq.store.store_config import MessageStoreConfig
from minimq.telemetry import catalog

REPUT_DELAY_KNOB = "reputDelayMillis"


class BrokerController:
    def __init__(
        self,
        host: Host,
        config: BrokerConfig | None = None,
        store_config: MessageStoreConfig | None = None,
        *,
        acl_rules: Mapping[str, Any] | None = None,
        session_credentials: SessionCredentials | None = None,
    ) -> None:
        """`acl_rules` turns access control on; `session_credentials` sign what we send."""
        self.host = host
        self.config = config or BrokerConfig()
        self.store_config = store_config or MessageStoreConfig()
        self._check_config()
        now_millis = host.clock.now_millis
        self.message_store = DefaultMessageStore(host, self.store_config)
        self.topic_config_manager = TopicConfigManager(
            lambda: self.config, now_millis, self._topic_changed
        )
        self.subscription_group_manager = SubscriptionGroupManager(
            lambda: self.config, now_millis, self._group_changed
        )
        self.consumer_offset_manager = ConsumerOffsetManager()
        self.config_tables = ConfigTables(
            host,
            self.topic_config_manager,
            self.subscription_group_manager,
            self.consumer_offset_manager,
        )
        self.consumer_manager = ConsumerManager()
        self.producer_manager = ProducerManager()
        self.rebalance_lock_manager = RebalanceLockManager()
        self.stats = BrokerStatsManager()
        self.hold_service = PullRequestHoldService(self)
        self.broker_outer_api = BrokerOuterAPI(host, self.config.namesrv_addresses)
        self.fast_failure = BrokerFastFailure(self)
        self.dispatcher = RequestDispatcher(host)
        self.dispatcher.on_waiting = self.fast_failure.wakeup
        self.later_answers = LaterAnswers()
        self.send_message_processor = SendMessageProcessor(self)
        self.pull_message_processor = PullMessageProcessor(self)
        self.client_manage_processor = ClientManageProcessor(self)
        self.transactional_message_service = TransactionalMessageService(self)
        self.slave_synchronize = SlaveSynchronize(self)
        register_processors(self)
        self.acl = BrokerAcl(self, acl_rules) if acl_rules or self.config.acl_enable else None
        if session_credentials is not None:
            hook = AclClientRPCHook(session_credentials)
            self.broker_outer_api.remoting_client.rpc_hooks.append(hook)
        self.ports = BrokerPorts(host, self.dispatcher, self.on_channel_closed)
        self.accepts_sends = False
        self._tasks = scheduled_tasks(self)
        self._registering_soon = False
        self._running = False
        self.started_millis = 0

    def _check_config(self) -> None:
        if self.is_slave and self.config.broker_id <= MASTER_ID:
            raise ConfigError("a broker with brokerRole=SLAVE needs a brokerId above 0")
        if not self.is_slave and self.config.broker_id != MASTER_ID:
            raise ConfigError(
                f"brokerId={self.config.broker_id} is a slave's: set brokerRole=SLAVE as well"
            )
        if self.config.enable_property_filter:
            raise ConfigError("enablePropertyFilter=true: SQL92 subscriptions are not offered here")

    # -- who we are ------------------------------------------------------------------------------

    @property
    def is_slave(self) -> bool:
        return self.store_config.is_slave

    @property
    def address(self) -> str:
        """As routes name it: brokerIP1 and the port."""
        port = self.ports.remoting_server.address.rpartition(":")[2]
        return f"{self.broker_ip1}:{port}"

    @property
    def broker_ip1(self) -> str:
        if self.config.broker_ip1:
            return self.config.broker_ip1
        listened = self.config.listen.rpartition(":")[0]
        return self.host.identity.ip if listened in ("", "0.0.0.0", "[::]") else listened

    @property
    def ha_server_addr(self) -> str:
        """As slaves learn it from the name servers."""
        port = self.message_store.ha.address.rpartition(":")[2] or "0"
        return f"{self.config.broker_ip2 or self.broker_ip1}:{port}"

    @property
    def identity(self) -> BrokerIdentity:
        config = self.config
        return BrokerIdentity(
            config.broker_cluster_name,
            self.address,
            config.broker_name,
            config.broker_id,
            self.ha_server_addr,
        )

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> str:
        """Returns the address. StoreError: the folder is locked or damaged; OSError: port taken."""
        self.config_tables.load()
        if self.acl is not None:
            self.acl.load()
        self.message_store.load()
        try:
            address = await self.ports.start(self.config.listen)
            if not self.is_slave:
                await self.message_store.ha.open(address.rpartition(":")[0])
        except OSError:
            await self.ports.shutdown()
            await self.message_store.shutdown()
            raise
        self.message_store.store_host = encode_host(self.address)
        self.message_store.set_message_arriving_listener(self.hold_service.notify_message_arriving)
        self.message_store.start()
        self.broker_outer_api.start()
        for task in self._tasks:
            task.start()
        self.started_millis = self.host.clock.now_millis()
        self._running = self.accepts_sends = True
        await self.register_broker_all(force=True)
        return self.address

    async def shutdown(self) -> None:
        """In order: no more requests, then goodbye to the name servers, then the files."""
        self._running = self.accepts_sends = False
        await self.ports.shutdown()
        self.later_answers.kill()
        for task in self._tasks:
            await task.shutdown()
        await self.broker_outer_api.unregister_broker_all(self.identity)
        try:
            await self.message_store.shutdown()
        finally:
            await self.broker_outer_api.shutdown()
        self.config_tables.persist_topics()
        self.config_tables.persist_groups()
        self.config_tables.persist_offsets()

    def kill(self) -> None:
        """The simulation's SIGKILL: nothing more is sent or written."""
        self._running = self.accepts_sends = False
        for task in self._tasks:
            task.kill()
        self.later_answers.kill()
        self.ports.kill()
        self.broker_outer_api.kill()
        self.message_store.kill()

    def on_channel_closed(self, connection: Connection, reason: str) -> None:
        """Java: ClientHousekeepingService; after a kill nobody is left to care."""
        if self._running:
            self.hold_service.do_channel_close_event(connection)
            self.client_manage_processor.do_channel_close_event(connection)

    # -- name servers ----------------------------------------------------------------------------

    async def register_broker_all(self, force: bool = False) -> None:
        """Java: registerBrokerAll, doRegisterBrokerAll."""
        config, topics = self.config, self.topic_config_manager
        timeout = config.register_broker_timeout_mills
        addresses = None
        if not (force or config.force_register):
            addresses = await self.broker_outer_api.need_register(
                self.identity, topics.data_version, timeout
            )
        results = await self.broker_outer_api.register_broker_all(
            self.identity,
            topics.registered_wrapper(),
            timeout,
            compressed=config.compressed_register,
            addresses=addresses,
        )
        for result in results:
            if result.kv_table:
                topics.update_order_topic_config(result.kv_table)
            if self.is_slave:
                self._master_is(result)

    def _master_is(self, result: RegisterBrokerResult) -> None:
        """A slave learns where its master is; without one it keeps what it has."""
        self.slave_synchronize.master_addr = result.master_addr
        if result.ha_server_addr:
            self.message_store.ha_client.update_master_address(result.ha_server_addr)

    def register_soon(self) -> None:
        """Once for all that changes in this turn of the loop."""
        if self._running and not self._registering_soon:
            self._registering_soon = True
            asyncio.get_running_loop().call_soon(self._register_oneway)

    def _register_oneway(self) -> None:
        self._registering_soon = False
        if self._running:
            self.broker_outer_api.register_broker_oneway(
                self.identity,
                self.topic_config_manager.registered_wrapper(),
                self.config.compressed_register,
            )

    # -- changes ---------------------------------------------------------------------------------

    def _topic_changed(self, topic: TopicConfig | None) -> None:
        if topic is not None:
            self.host.recorder.emit(
                catalog.BROKER_TOPIC_CREATED,
                "TopicConfigManager",
                topic.topic_name,
                topic.read_queue_nums,
                topic.write_queue_nums,
                topic.perm,
            )
        self.config_tables.persist_topics()
        self.register_soon()

    def _group_changed(self) -> None:
        self.config_tables.persist_groups()

    def commit_offset(
        self,
        group: str,
        topic: str,
        queue_id: int,
        offset: int,
        via: str,
        connection: Connection | None = None,
    ) -> None:
        if self.consumer_offset_manager.commit_offset(group, topic, queue_id, offset):
            client = connection.attributes.get("client_id", "") if connection else ""
            self.host.recorder.emit(
                catalog.BROKER_OFFSET_COMMITTED,
                "ConsumerOffsetManager",
                group,
                topic,
                queue_id,
                offset,
                via,
                client,
            )

    def existing_topic(self, name: str) -> TopicConfig:
        topic = self.topic_config_manager.select_topic_config(name)
        if topic is None:
            raise ResponseError(ResponseCode.TOPIC_NOT_EXIST, f"topic[{name}] not exist")
        return topic

    # -- settings --------------------------------------------------------------------------------

    def all_config(self) -> dict[str, str]:
        """Both configs under their property names."""
        return {**to_properties(self.config), **to_properties(self.store_config)}

    def is_live_setting(self, name: str) -> bool:
        return name in LIVE_SETTINGS or name == REPUT_DELAY_KNOB

    def check_knob(self, name: str, value: Any) -> BrokerConfig:
        """The config with this setting changed; ConfigError if that cannot be."""
        changed = with_setting(self.config, name, value)
        if name not in LIVE_SETTINGS:
            raise ConfigError(f"setting {name!r} cannot be changed while running")
        return changed

    def set_knob(self, name: str, value: Any) -> None:
        """Change a setting of the running broker; ConfigError if only a start reads it."""
        if name == REPUT_DELAY_KNOB:
            self.message_store.set_reput_delay(float(value))
            return
        changed = self.check_knob(name, value)
        permission = self.config.broker_permission
        self.config = changed
        if changed.broker_permission != permission:
            self.topic_config_manager.data_version.next_version(self.host.clock.now_millis())
            self.register_soon()
        if name in ("longPollingEnable", "shortPollingTimeMills"):
            self.hold_service.wakeup()

    def snapshot(self) -> dict[str, Any]:
        """What this broker believes now, as plain JSON values."""
        return broker_snapshot(self)
