"""A slave takes its master's tables: topics, groups, offsets, progress of delayed messages.

Java:    broker.slave.SlaveSynchronize
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.broker.broker_ports import fast_address
from minimq.common.config_manager import persist_json_table
from minimq.errors import MiniMQError
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

DELAY_OFFSET_PATH = "config/delayOffset.json"


class SlaveSynchronize:
    """`master_addr` is None while no name server knows a master."""

    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.master_addr: str | None = None

    async def sync_all(self) -> None:
        """Each of the four for itself: one that fails keeps none of the others away."""
        master = self.master_addr
        if master is None or master == self.controller.address:
            return
        for sync in (
            self._sync_topic_config,
            self._sync_consumer_offset,
            self._sync_delay_offset,
            self._sync_subscription_group_config,
        ):
            try:
                await sync(master)
            except MiniMQError as error:
                emit = self.controller.host.recorder.emit
                emit(catalog.SERVICE_FAILED, "SlaveSynchronize", f"{sync.__name__}: {error}")

    async def _sync_topic_config(self, master: str) -> None:
        wrapper = await self.controller.broker_outer_api.get_all_topic_config(fast_address(master))
        if self.controller.topic_config_manager.replace_by_master(wrapper):
            self.controller.config_tables.persist_topics()
            self._tell("topics")

    async def _sync_consumer_offset(self, master: str) -> None:
        wrapper = await self.controller.broker_outer_api.get_all_consumer_offset(master)
        offsets = self.controller.consumer_offset_manager
        for key, queues in wrapper.offset_table.items():
            if offsets.offset_table.get(key) != queues:
                offsets.replace(key, queues)
                self._tell(f"offsets {key}")
        self.controller.config_tables.persist_offsets()

    async def _sync_delay_offset(self, master: str) -> None:
        wrapper = await self.controller.broker_outer_api.get_all_delay_offset(master)
        files = self.controller.host.file_system
        persist_json_table(files, DELAY_OFFSET_PATH, wrapper.to_json())

    async def _sync_subscription_group_config(self, master: str) -> None:
        api = self.controller.broker_outer_api
        wrapper = await api.get_all_subscription_group_config(master)
        if self.controller.subscription_group_manager.replace_by_master(wrapper):
            self.controller.config_tables.persist_groups()
            self._tell("groups")

    def _tell(self, what: str) -> None:
        self.controller.host.recorder.emit(catalog.HA_METADATA_SYNCED, "SlaveSynchronize", what)
