"""The three JSON files of a broker: topics, groups, offsets.

Java:    broker.BrokerPathConfigHelper, common.ConfigManager
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.broker.consumer_offset_manager import ConsumerOffsetManager
from minimq.broker.subscription_group_manager import SubscriptionGroupManager
from minimq.broker.topic_config_manager import TopicConfigManager
from minimq.common.config_manager import load_json_table, persist_json_table
from minimq.protocol.body import (
    ConsumerOffsetSerializeWrapper,
    SubscriptionGroupWrapper,
    TopicConfigSerializeWrapper,
)
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.common.host import Host

TOPICS_PATH = "config/topics.json"
SUBSCRIPTION_GROUP_PATH = "config/subscriptionGroup.json"
CONSUMER_OFFSET_PATH = "config/consumerOffset.json"


class ConfigTables:
    """Loads them at the start, writes them when told to."""

    def __init__(
        self,
        host: Host,
        topics: TopicConfigManager,
        groups: SubscriptionGroupManager,
        offsets: ConsumerOffsetManager,
    ) -> None:
        self.host = host
        self.topics = topics
        self.groups = groups
        self.offsets = offsets

    def load(self) -> None:
        """StoreError if a file and its backup are both damaged."""
        files = self.host.file_system
        topics = load_json_table(files, TOPICS_PATH)
        if topics is not None:
            self.topics.load(TopicConfigSerializeWrapper.from_json(topics))
        groups = load_json_table(files, SUBSCRIPTION_GROUP_PATH)
        if groups is not None:
            self.groups.load(SubscriptionGroupWrapper.from_json(groups))
        offsets = load_json_table(files, CONSUMER_OFFSET_PATH)
        if offsets is not None:
            self.offsets.load(ConsumerOffsetSerializeWrapper.from_json(offsets))

    def persist_topics(self) -> None:
        self._persist(TOPICS_PATH, self.topics.build_wrapper())

    def persist_groups(self) -> None:
        self._persist(SUBSCRIPTION_GROUP_PATH, self.groups.build_wrapper())

    def persist_offsets(self) -> None:
        """What changed since the last time, and that it is on disk now."""
        if not self.offsets.changed:
            return
        self._persist(CONSUMER_OFFSET_PATH, self.offsets.build_wrapper())
        for group, topic, queue_id, offset in self.offsets.take_changed():
            self.host.recorder.emit(
                catalog.BROKER_OFFSET_PERSISTED,
                "ConsumerOffsetManager",
                group,
                topic,
                queue_id,
                offset,
            )

    def _persist(
        self,
        path: str,
        wrapper: TopicConfigSerializeWrapper
        | SubscriptionGroupWrapper
        | ConsumerOffsetSerializeWrapper,
    ) -> None:
        persist_json_table(self.host.file_system, path, wrapper.to_json())
