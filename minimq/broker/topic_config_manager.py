"""The topics of a broker: made at the start, by an administrator, or by the first send.

Java:    broker.topic.TopicConfigManager
Posts:   RocketMQ生产消费流程浅析, 自动创建 topic
Differs: pure; whoever creates a topic also persists the table and tells the name servers, when
         `created` says so.
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.broker.broker_config import BrokerConfig
from minimq.common import mix_all
from minimq.common.mix_all import PERM_INHERIT, PERM_READ, PERM_WRITE, is_inherited
from minimq.errors import TableFullError
from minimq.protocol.config_body import DataVersion, TopicConfig, TopicConfigSerializeWrapper

SCHEDULE_TOPIC_QUEUE_NUMS = 18
BENCHMARK_TOPIC_QUEUE_NUMS = 1_024
CLUSTER_TOPIC_QUEUE_NUMS = 16
TOPICS_MAX = 100_000
"""Topics of one broker; RocketMQ has no bound, and a mistaken producer could fill the memory."""
PERM_RW = PERM_READ | PERM_WRITE


class TopicConfigManager:
    """`on_changed(topic or None)` runs after every change of the table."""

    def __init__(
        self,
        config: Callable[[], BrokerConfig],
        now_millis: Callable[[], int],
        on_changed: Callable[[TopicConfig | None], None],
    ) -> None:
        self.topic_config_table: dict[str, TopicConfig] = {}
        self.data_version = DataVersion()
        self.system_topics: dict[str, None] = dict.fromkeys(mix_all.SYSTEM_TOPICS)
        self._config = config
        self._now_millis = now_millis
        self._on_changed = on_changed
        self._make_system_topics()
        self.data_version.next_version(now_millis())

    def _make_system_topics(self) -> None:
        config = self._config()
        self._system(mix_all.SELF_TEST_TOPIC, 1)
        if config.auto_create_topic_enable:
            perm = PERM_INHERIT | PERM_RW
            self._system(mix_all.AUTO_CREATE_TOPIC, config.default_topic_queue_nums, perm)
        self._system(mix_all.BENCHMARK_TOPIC, BENCHMARK_TOPIC_QUEUE_NUMS)
        perm = PERM_INHERIT
        self._system(
            config.broker_cluster_name,
            CLUSTER_TOPIC_QUEUE_NUMS,
            perm | PERM_RW if config.cluster_topic_enable else perm,
        )
        self._system(config.broker_name, 1, perm | PERM_RW if config.broker_topic_enable else perm)
        self._system(mix_all.OFFSET_MOVED_EVENT_TOPIC, 1)
        self._system(mix_all.SCHEDULE_TOPIC, SCHEDULE_TOPIC_QUEUE_NUMS)
        if config.trace_topic_enable:
            self._system(config.msg_trace_topic_name, 1)
        self._system(mix_all.get_reply_topic(config.broker_cluster_name), 1)

    def _system(self, name: str, queues: int, perm: int = PERM_RW) -> None:
        self.system_topics[name] = None
        self.topic_config_table[name] = TopicConfig(name, queues, queues, perm)

    # -- reading ---------------------------------------------------------------------------------

    def select_topic_config(self, topic: str) -> TopicConfig | None:
        return self.topic_config_table.get(topic)

    def is_system_topic(self, topic: str) -> bool:
        return topic in self.system_topics or mix_all.is_system_topic(topic)

    def is_order_topic(self, topic: str) -> bool:
        config = self.topic_config_table.get(topic)
        return config is not None and config.order

    # -- creating --------------------------------------------------------------------------------

    def create_topic_in_send_message_method(
        self, topic: str, default_topic: str, client_queue_nums: int, topic_sys_flag: int = 0
    ) -> TopicConfig | None:
        """The topic, made after the template that the producer names; None if that may not be."""
        known = self.topic_config_table.get(topic)
        if known is not None:
            return known
        template = self.topic_config_table.get(default_topic)
        if template is None or not is_inherited(template.perm):
            return None
        by_default = default_topic == mix_all.AUTO_CREATE_TOPIC
        if by_default and not self._config().auto_create_topic_enable:
            return None
        queues = max(min(client_queue_nums, template.write_queue_nums), 0)
        perm = template.perm & ~PERM_INHERIT
        created = TopicConfig(
            topic, queues, queues, perm, template.topic_filter_type, topic_sys_flag
        )
        self.update_topic_config(created)
        return created

    def create_topic_in_send_message_back_method(
        self, topic: str, queue_nums: int, perm: int = PERM_RW, topic_sys_flag: int = 0
    ) -> TopicConfig:
        """A retry or dead-letter topic, and other topics of our own."""
        known = self.topic_config_table.get(topic)
        if known is not None:
            return known
        created = TopicConfig(topic, queue_nums, queue_nums, perm, topic_sys_flag=topic_sys_flag)
        self.update_topic_config(created)
        return created

    def update_topic_config(self, topic_config: TopicConfig) -> None:
        """Java: updateTopicConfig, the administrator's create or update."""
        table = self.topic_config_table
        if len(table) >= TOPICS_MAX and topic_config.topic_name not in table:
            raise TableFullError("topics", TOPICS_MAX)
        table[topic_config.topic_name] = topic_config
        self._changed(topic_config)

    def delete_topic_config(self, topic: str) -> bool:
        if self.topic_config_table.pop(topic, None) is None:
            return False
        self._changed(None)
        return True

    def update_order_topic_config(self, orders: dict[str, str]) -> None:
        """What the name servers know of ordered topics; they alone decide it."""
        changed = False
        for name, config in self.topic_config_table.items():
            order = name in orders
            if config.order != order:
                config.order, changed = order, True
        if changed:
            self._changed(None)

    def _changed(self, topic_config: TopicConfig | None) -> None:
        self.data_version.next_version(self._now_millis())
        self._on_changed(topic_config)

    # -- as JSON ---------------------------------------------------------------------------------

    def build_wrapper(self) -> TopicConfigSerializeWrapper:
        return TopicConfigSerializeWrapper(self.topic_config_table, self.data_version)

    def registered_wrapper(self) -> TopicConfigSerializeWrapper:
        """What name servers are told: no topic may more than the broker may."""
        limit = self._config().broker_permission
        if limit & PERM_RW == PERM_RW:
            return self.build_wrapper()
        table = {
            name: TopicConfig(
                name,
                config.read_queue_nums,
                config.write_queue_nums,
                config.perm & limit,
                config.topic_filter_type,
                config.topic_sys_flag,
                config.order,
            )
            for name, config in self.topic_config_table.items()
        }
        return TopicConfigSerializeWrapper(table, self.data_version)

    def load(self, wrapper: TopicConfigSerializeWrapper) -> None:
        """What an earlier run kept wins over what every start makes."""
        self.topic_config_table.update(wrapper.topic_config_table)
        self.data_version.assign_new_one(wrapper.data_version)

    def replace_by_master(self, wrapper: TopicConfigSerializeWrapper) -> bool:
        """A slave takes its master's whole table if the versions differ."""
        if wrapper.data_version == self.data_version:
            return False
        self.topic_config_table = dict(wrapper.topic_config_table)
        self.data_version.assign_new_one(wrapper.data_version)
        return True
