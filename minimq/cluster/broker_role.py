"""A broker as a node of a cluster: its files lie in the run folder and survive a restart."""

from __future__ import annotations

from typing import Any

from minimq.broker.broker_config import BROKER_SETTINGS_PATH, LIVE_SETTINGS, BrokerConfig
from minimq.broker.broker_controller import BrokerController
from minimq.cluster.access import credentials_of, rules_for
from minimq.common.host import Host
from minimq.common.kept_settings import kept_settings
from minimq.common.settings import configs_from_properties
from minimq.errors import ClusterError
from minimq.protocol.config_body import TopicConfig
from minimq.store.store_config import BrokerRole, MessageStoreConfig


class BrokerRunner:
    def __init__(self, host: Host, options: dict[str, Any], listener: Any = None) -> None:
        broker_id = options.get("id", 0)
        given_broker = {
            "listen": options["listen"],
            "broker_name": options.get("master") or options["name"],
            "broker_id": broker_id,
            "namesrv_addr": options["namesrv_addr"],
        }
        given_store: dict[str, Any] = {"ha_listen_port": 0}
        if broker_id:
            given_store["broker_role"] = BrokerRole.SLAVE
        classes = {BrokerConfig: given_broker, MessageStoreConfig: given_store}
        kept = kept_settings(host.file_system, BROKER_SETTINGS_PATH, LIVE_SETTINGS)
        settings = kept | options.get("settings", {})
        config, store_config = configs_from_properties(classes, settings)
        credentials = credentials_of(options)
        self.controller = BrokerController(
            host,
            config,
            store_config,
            acl_rules=rules_for(credentials),
            session_credentials=credentials,
        )

    async def start(self) -> str:
        return await self.controller.start()

    async def shutdown(self) -> None:
        await self.controller.shutdown()

    def snapshot(self) -> dict[str, Any]:
        return self.controller.snapshot()

    async def perform(self, op: str, args: dict[str, Any]) -> Any:
        if op == "create_topic":
            await self.create_topic(**args)
        elif op == "set_knob":
            self.controller.set_knob(args["name"], args["value"])
        elif op == "record_bytes":
            return self.record_bytes(**args)
        else:
            raise ClusterError(f"{op} means nothing to a broker")

    def record_bytes(self, place: int, size: int) -> str:
        """Bytes of the commit log as hex, because they travel as JSON."""
        view = self.controller.message_store.select_one_message_bytes(place, size)
        if view is None:
            raise ClusterError(f"there are no {size} bytes at {place} in the log")
        return bytes(view).hex()

    async def create_topic(self, topic: str, queues: int, perm: int = 6) -> None:
        """As `mqadmin updateTopic` does, but done only when the name servers know it."""
        config = TopicConfig(topic, read_queue_nums=queues, write_queue_nums=queues, perm=perm)
        self.controller.topic_config_manager.update_topic_config(config)
        await self.controller.register_broker_all(force=True)
