"""One method per request of an administrator to a name server.

Java:    client.impl.MQClientAPIImpl (what DefaultMQAdminExtImpl calls on it)
Differs: an address of None is the name server in use; the calls that shall reach every name server
         are repeated by the caller.
"""

from __future__ import annotations

from minimq.client.mq_client_api import MQClientAPI, make_request
from minimq.common.settings import format_properties, parse_properties
from minimq.protocol.body import ClusterInfo, TopicList
from minimq.protocol.config_body import KVTable
from minimq.protocol.custom_header import CommandCustomHeader
from minimq.protocol.headers import (
    AddWritePermOfBrokerRequestHeader,
    AddWritePermOfBrokerResponseHeader,
    DeleteKVConfigRequestHeader,
    DeleteTopicFromNamesrvRequestHeader,
    GetKVConfigRequestHeader,
    GetKVConfigResponseHeader,
    GetKVListByNamespaceRequestHeader,
    GetTopicsByClusterRequestHeader,
    PutKVConfigRequestHeader,
    WipeWritePermOfBrokerRequestHeader,
    WipeWritePermOfBrokerResponseHeader,
)
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode


class NamesrvAdminAPI(MQClientAPI):
    async def ask(
        self,
        address: str | None,
        code: RequestCode,
        header: CommandCustomHeader | None = None,
        body: bytes = b"",
        patience: int = 1,
    ) -> RemotingCommand:
        """The successful answer; `patience` times the usual time-out. MQBrokerError otherwise."""
        timeout = self._timeout_millis * patience
        return await self._call(address, make_request(code, header, body), timeout)

    async def _topics(
        self, code: RequestCode, header: CommandCustomHeader | None = None
    ) -> TopicList:
        return TopicList.decode((await self.ask(None, code, header)).body)

    async def get_broker_cluster_info(self) -> ClusterInfo:
        answer = await self.ask(None, RequestCode.GET_BROKER_CLUSTER_INFO)
        return ClusterInfo.decode(answer.body)

    async def get_topic_list_from_name_server(self) -> TopicList:
        return await self._topics(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER)

    async def get_topics_by_cluster(self, cluster: str) -> TopicList:
        header = GetTopicsByClusterRequestHeader(cluster=cluster)
        return await self._topics(RequestCode.GET_TOPICS_BY_CLUSTER, header)

    async def get_system_topic_list(self) -> TopicList:
        """Cluster and broker names, and the address of one broker."""
        return await self._topics(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS)

    async def get_unit_topic_list(self) -> TopicList:
        return await self._topics(RequestCode.GET_UNIT_TOPIC_LIST)

    async def get_has_unit_sub_topic_list(self) -> TopicList:
        return await self._topics(RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST)

    async def get_has_unit_sub_ununit_topic_list(self) -> TopicList:
        return await self._topics(RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST)

    async def wipe_write_perm_of_broker(self, namesrv: str, broker_name: str) -> int:
        """How many topics of the broker lost the permission to write."""
        header = WipeWritePermOfBrokerRequestHeader(broker_name=broker_name)
        answer = await self.ask(namesrv, RequestCode.WIPE_WRITE_PERM_OF_BROKER, header)
        return WipeWritePermOfBrokerResponseHeader.from_ext(answer.ext_fields).wipe_topic_count

    async def add_write_perm_of_broker(self, namesrv: str, broker_name: str) -> int:
        header = AddWritePermOfBrokerRequestHeader(broker_name=broker_name)
        answer = await self.ask(namesrv, RequestCode.ADD_WRITE_PERM_OF_BROKER, header)
        return AddWritePermOfBrokerResponseHeader.from_ext(answer.ext_fields).add_topic_count

    async def delete_topic_in_name_server(
        self, namesrv: str, topic: str, cluster_name: str | None = None
    ) -> None:
        header = DeleteTopicFromNamesrvRequestHeader(topic=topic, cluster_name=cluster_name)
        await self.ask(namesrv, RequestCode.DELETE_TOPIC_IN_NAMESRV, header)

    async def put_kv_config_value(self, namesrv: str, namespace: str, key: str, value: str) -> None:
        header = PutKVConfigRequestHeader(namespace=namespace, key=key, value=value)
        await self.ask(namesrv, RequestCode.PUT_KV_CONFIG, header)

    async def get_kv_config_value(self, namespace: str, key: str) -> str:
        header = GetKVConfigRequestHeader(namespace=namespace, key=key)
        answer = await self.ask(None, RequestCode.GET_KV_CONFIG, header)
        return GetKVConfigResponseHeader.from_ext(answer.ext_fields).value or ""

    async def delete_kv_config_value(self, namesrv: str, namespace: str, key: str) -> None:
        header = DeleteKVConfigRequestHeader(namespace=namespace, key=key)
        await self.ask(namesrv, RequestCode.DELETE_KV_CONFIG, header)

    async def get_kv_list_by_namespace(self, namespace: str) -> dict[str, str]:
        header = GetKVListByNamespaceRequestHeader(namespace=namespace)
        answer = await self.ask(None, RequestCode.GET_KVLIST_BY_NAMESPACE, header)
        return KVTable.decode(answer.body).table

    async def get_name_server_config(self, namesrv: str) -> dict[str, str]:
        answer = await self.ask(namesrv, RequestCode.GET_NAMESRV_CONFIG)
        return parse_properties(answer.body.decode("utf-8", "replace"))

    async def update_name_server_config(self, namesrv: str, properties: dict[str, str]) -> None:
        body = format_properties(properties).encode()
        await self.ask(namesrv, RequestCode.UPDATE_NAMESRV_CONFIG, None, body)
