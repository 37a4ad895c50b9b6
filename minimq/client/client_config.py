"""What every client can be told: where the name servers are, who it is, how often it works.

Java:    client.ClientConfig, common.protocol.NamespaceUtil
Posts:   RocketMQ消费者消费消息, DefaultMQPushConsumer extends ClientConfig
Differs: without a name server's address a start fails; there is no HTTP address server.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from minimq.common.mix_all import DLQ_GROUP_TOPIC_PREFIX, RETRY_GROUP_TOPIC_PREFIX, is_system_topic
from minimq.errors import ConfigError, MQClientError

DEFAULT_INSTANCE_NAME = "DEFAULT"
NAMESPACE_SEPARATOR = "%"
NO_NAME_SERVER_CODE = 10_004


@dataclass(kw_only=True)
class ClientConfig:
    """Settings of one client; Java's name of each is the same in camelCase. Times in ms."""

    namesrv_addr: str = ""
    """`ip:port`, several with `;` between."""
    client_ip: str = ""
    """Empty: the host's own."""
    instance_name: str = DEFAULT_INSTANCE_NAME
    """Tells clients of one machine apart; DEFAULT becomes pid#nanoTime at the start."""
    unit_name: str = ""
    """Appended to the client id: the site, where there are several."""
    unit_mode: bool = False
    """Passed through to brokers of several sites."""
    namespace: str = ""
    """Put before topics and groups, so that tenants share brokers."""
    poll_name_server_interval: int = 30_000
    """Between two looks at the routes of all topics in use."""
    heartbeat_broker_interval: int = 30_000
    """Between two heartbeats to the brokers."""
    persist_consumer_offset_interval: int = 5_000
    """Between two reports of consumed positions."""
    pull_time_delay_millis_when_exception: int = 1_000
    """Until a pull is tried again after an error."""
    mq_client_api_timeout: int = 3_000
    """Patience with routes, heartbeats and other small calls."""
    vip_channel_enabled: bool = False
    """Whether sends go to the brokers' second port (listenPort - 2)."""

    @classmethod
    def check_names(cls, settings: dict[str, Any]) -> None:
        """ConfigError for a setting that does not exist, with the nearest one that does."""
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f": did you mean {near[0]}?" if near else ""
                raise ConfigError(f"{cls.__name__} has no setting {name!r}{hint}")

    def clone_client_config(self) -> ClientConfig:
        """What an instance keeps: later changes on the facade are not seen."""
        values = {field.name: getattr(self, field.name) for field in fields(ClientConfig)}
        return ClientConfig(**values)

    def build_mq_client_id(self, ip: str) -> str:
        client_id = f"{self.client_ip or ip}@{self.instance_name}"
        return f"{client_id}@{self.unit_name}" if self.unit_name else client_id

    def change_instance_name_to_pid(self, pid: int, nano_time: Callable[[], int]) -> None:
        """So that two clients of one machine, and since 4.9 of one process, are told apart."""
        if self.instance_name == DEFAULT_INSTANCE_NAME:
            self.instance_name = f"{pid}#{nano_time()}"

    def name_server_addresses(self) -> list[str]:
        addresses = [part.strip() for part in self.namesrv_addr.split(";") if part.strip()]
        for address in addresses:
            if not address.rpartition(":")[2].isdigit() or ":" not in address:
                raise MQClientError(f"namesrv_addr must be ip:port;ip:port, got {address!r}")
        if not addresses:
            raise MQClientError(
                'No name server address, please set it: namesrv_addr="127.0.0.1:9876"',
                NO_NAME_SERVER_CODE,
            )
        return addresses

    def with_namespace(self, resource: str) -> str:
        return wrap_namespace(self.namespace, resource)

    def without_namespace(self, resource: str) -> str:
        return without_namespace(resource, self.namespace)


def broker_vip_channel(enabled: bool, address: str) -> str:
    """The address of a broker's second port, if it shall be used (MixAll.brokerVIPChannel)."""
    if not enabled:
        return address
    ip, _, port = address.rpartition(":")
    return f"{ip}:{int(port) - 2}"


def _split_prefix(resource: str) -> tuple[str, str]:
    """(%RETRY% or %DLQ% or nothing, the rest)."""
    for prefix in (RETRY_GROUP_TOPIC_PREFIX, DLQ_GROUP_TOPIC_PREFIX):
        if resource.startswith(prefix):
            return prefix, resource[len(prefix) :]
    return "", resource


def wrap_namespace(namespace: str, resource: str) -> str:
    """`ns%topic`; a retry or dead-letter prefix stays in front, system topics stay as they are."""
    if not namespace or not resource or is_system_topic(resource):
        return resource
    prefix, rest = _split_prefix(resource)
    if rest.startswith(namespace + NAMESPACE_SEPARATOR):
        return resource
    return f"{prefix}{namespace}{NAMESPACE_SEPARATOR}{rest}"


def without_namespace(resource: str, namespace: str) -> str:
    """Undo `wrap_namespace`."""
    if not namespace:
        return resource
    prefix, rest = _split_prefix(resource)
    head = namespace + NAMESPACE_SEPARATOR
    return prefix + rest[len(head) :] if rest.startswith(head) else resource
