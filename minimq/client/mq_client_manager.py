"""The instances of one process, by client id.

Java:    client.impl.MQClientManager
Posts:   RocketMQ消费者消费消息, MQClientManager.getInstance().getOrCreateMQClientInstance
Differs: one manager per host, so that many simulated processes fit into one real one.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from minimq.client.client_config import ClientConfig
from minimq.client.mq_client_instance import MQClientInstance
from minimq.common.file_system import DiskFileSystem
from minimq.common.host import Host, system_host
from minimq.common.message_client_id import MessageClientIDSetter
from minimq.remoting.link_table import links_of
from minimq.remoting.transport import TcpTransport

HOME_FOLDER = "~"
"""Where the default host keeps files: `.rocketmq_offsets` of broadcasting consumers goes there."""
_hosts: WeakKeyDictionary[asyncio.AbstractEventLoop, Host] = WeakKeyDictionary()


class MQClientManager:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.links = links_of(host)
        self.factory_table: dict[str, MQClientInstance] = {}
        identity = host.identity
        self.message_client_id_setter = MessageClientIDSetter(
            identity.ip, identity.pid, host.random.getrandbits(32), host.time_zone
        )
        self._nano_times = 0

    @staticmethod
    def get_instance(host: Host) -> MQClientManager:
        manager = host.singletons.get("MQClientManager")
        if manager is None:
            manager = host.singletons["MQClientManager"] = MQClientManager(host)
        assert isinstance(manager, MQClientManager)
        return manager

    def nano_time(self) -> int:
        """Another number each time, beginning with the host's."""
        self._nano_times += 1
        return self.host.identity.nano_time + self._nano_times - 1

    def get_or_create_mq_client_instance(self, config: ClientConfig) -> MQClientInstance:
        client_id = config.build_mq_client_id(self.host.identity.ip)
        instance = self.factory_table.get(client_id)
        if instance is None:
            clone = config.clone_client_config()
            instance = MQClientInstance(clone, client_id, self.host, self)
            self.factory_table[client_id] = instance
        return instance

    def remove_client_factory(self, client_id: str) -> None:
        self.factory_table.pop(client_id, None)


def default_host() -> Host:
    """The host of a live process, one per running loop."""
    loop = asyncio.get_running_loop()
    host = _hosts.get(loop)
    if host is None:
        host = system_host("client", TcpTransport(), DiskFileSystem(_home()))
        _hosts[loop] = host
    return host


def _home() -> str:
    from pathlib import Path

    return str(Path(HOME_FOLDER).expanduser())
