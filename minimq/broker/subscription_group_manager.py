"""What each consumer group may do: retry how often, read at all, broadcast.

Java:    broker.subscription.SubscriptionGroupManager
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.broker.broker_config import BrokerConfig
from minimq.common.mix_all import GROUP_MAX_LENGTH, KNOWN_GROUPS, SYSTEM_GROUP_PREFIX, VALID_NAME
from minimq.errors import TableFullError
from minimq.protocol.config_body import (
    DataVersion,
    SubscriptionGroupConfig,
    SubscriptionGroupWrapper,
)

GROUPS_MAX = 100_000
"""Groups of one broker; RocketMQ has no bound."""


class SubscriptionGroupManager:
    def __init__(
        self,
        config: Callable[[], BrokerConfig],
        now_millis: Callable[[], int],
        on_changed: Callable[[], None],
    ) -> None:
        self.subscription_group_table = {
            name: SubscriptionGroupConfig(name) for name in KNOWN_GROUPS
        }
        self.data_version = DataVersion()
        self._config = config
        self._now_millis = now_millis
        self._on_changed = on_changed

    def find_subscription_group_config(self, group: str) -> SubscriptionGroupConfig | None:
        """The group's settings; made now if that is allowed."""
        found = self.subscription_group_table.get(group)
        if found is not None:
            return found
        allowed = self._config().auto_create_subscription_group
        if not (allowed or group.startswith(SYSTEM_GROUP_PREFIX)):
            return None
        if len(group) > GROUP_MAX_LENGTH or VALID_NAME.fullmatch(group) is None:
            return None
        made = SubscriptionGroupConfig(group)
        self.update_subscription_group_config(made)
        return made

    def update_subscription_group_config(self, group_config: SubscriptionGroupConfig) -> None:
        table = self.subscription_group_table
        if len(table) >= GROUPS_MAX and group_config.group_name not in table:
            raise TableFullError("groups", GROUPS_MAX)
        table[group_config.group_name] = group_config
        self._changed()

    def delete_subscription_group_config(self, group: str) -> bool:
        if self.subscription_group_table.pop(group, None) is None:
            return False
        self._changed()
        return True

    def _changed(self) -> None:
        self.data_version.next_version(self._now_millis())
        self._on_changed()

    def build_wrapper(self) -> SubscriptionGroupWrapper:
        return SubscriptionGroupWrapper(self.subscription_group_table, self.data_version)

    def load(self, wrapper: SubscriptionGroupWrapper) -> None:
        self.subscription_group_table.update(wrapper.subscription_group_table)
        self.data_version.assign_new_one(wrapper.data_version)

    def replace_by_master(self, wrapper: SubscriptionGroupWrapper) -> bool:
        if wrapper.data_version == self.data_version:
            return False
        self.subscription_group_table = dict(wrapper.subscription_group_table)
        self.data_version.assign_new_one(wrapper.data_version)
        return True
