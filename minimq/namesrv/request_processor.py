"""Turn each request to a name server into one call of a table.

Java:    namesrv.processor.DefaultRequestProcessor, ClusterTestRequestProcessor
Differs: unknown codes are answered with 3; RocketMQ's name server stays silent
         (docs/differences.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minimq.common.faq_url import SUGGEST_TODO
from minimq.common.java_compat import crc31
from minimq.common.mix_all import ORDER_TOPIC_CONFIG_NAMESPACE
from minimq.common.settings import format_properties, parse_properties
from minimq.protocol import headers
from minimq.protocol.body import TopicList
from minimq.protocol.config_body import (
    DataVersion,
    KVTable,
    RegisterBrokerBody,
    TopicConfigSerializeWrapper,
)
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.protocol.route import STANDARD_JSON_VERSION
from minimq.remoting.connection import Connection
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.namesrv.namesrv_controller import NamesrvController

FULL_BODY_VERSION = 37
"""3.0.11: from here on a registration's body is a RegisterBrokerBody."""

Handler = Callable[[Connection, RemotingCommand], RemotingCommand]


class DefaultRequestProcessor:
    def __init__(self, controller: NamesrvController) -> None:
        self.controller = controller
        self.host = controller.host
        self.routes = controller.route_info_manager
        self.kv = controller.kv_config_manager
        self.handlers: dict[int, Handler] = {
            RequestCode.PUT_KV_CONFIG: self.put_kv_config,
            RequestCode.GET_KV_CONFIG: self.get_kv_config,
            RequestCode.DELETE_KV_CONFIG: self.delete_kv_config,
            RequestCode.GET_KVLIST_BY_NAMESPACE: self.get_kv_list_by_namespace,
            RequestCode.QUERY_DATA_VERSION: self.query_broker_topic_config,
            RequestCode.REGISTER_BROKER: self.register_broker,
            RequestCode.UNREGISTER_BROKER: self.unregister_broker,
            RequestCode.GET_ROUTEINFO_BY_TOPIC: self.get_route_info_by_topic,
            RequestCode.GET_BROKER_CLUSTER_INFO: self.get_broker_cluster_info,
            RequestCode.WIPE_WRITE_PERM_OF_BROKER: self.wipe_write_perm_of_broker,
            RequestCode.ADD_WRITE_PERM_OF_BROKER: self.add_write_perm_of_broker,
            RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER: self.get_all_topic_list,
            RequestCode.DELETE_TOPIC_IN_NAMESRV: self.delete_topic_in_namesrv,
            RequestCode.GET_TOPICS_BY_CLUSTER: self.get_topics_by_cluster,
            RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS: self.get_system_topic_list,
            RequestCode.GET_UNIT_TOPIC_LIST: self.get_unit_topic_list,
            RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST: self.get_has_unit_sub_topic_list,
            RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST: self.get_has_unit_sub_ununit_topics,
            RequestCode.UPDATE_NAMESRV_CONFIG: self.update_config,
            RequestCode.GET_NAMESRV_CONFIG: self.get_config,
        }

    def process_request(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        return self.handlers[request.code](connection, request)

    # -- brokers ---------------------------------------------------------------------------------

    def register_broker(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        """Java: registerBrokerWithFilterServer."""
        header = headers.RegisterBrokerRequestHeader.from_ext(request.ext_fields)
        if header.body_crc32 and crc31(request.body) != header.body_crc32:
            return request.create_response(ResponseCode.SYSTEM_ERROR, "crc32 not match")
        body = _registration(request, header.compressed)
        topics = body.topic_config_serialize_wrapper
        result = self.routes.register_broker(
            header.cluster_name,
            header.broker_addr,
            header.broker_name,
            header.broker_id,
            header.ha_server_addr,
            topics,
            body.filter_server_list,
            connection,
            self.host.clock.now_millis(),
            connection.peer_pace,
        )
        if result.first or result.changed:
            self.host.recorder.emit(
                catalog.NAMESRV_BROKER_REGISTERED,
                "namesrv",
                header.broker_name,
                header.broker_id,
                header.broker_addr,
                len(topics.topic_config_table),
                result.first,
            )
        self._tell_alive(header.broker_name, header.broker_id, header.broker_addr)
        answer = headers.RegisterBrokerResponseHeader(
            ha_server_addr=result.ha_server_addr, master_addr=result.master_addr
        )
        orders = self.kv.get_kv_list_by_namespace(ORDER_TOPIC_CONFIG_NAMESPACE)
        payload = KVTable(orders).encode() if orders else b""
        return request.create_response(0, None, answer.to_ext(), payload)

    def unregister_broker(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.UnRegisterBrokerRequestHeader.from_ext(request.ext_fields)
        removed = self.routes.unregister_broker(
            header.cluster_name, header.broker_addr, header.broker_name, header.broker_id
        )
        if removed is not None:
            self.controller.tell_removed(removed, "unregister")
        return request.create_response()

    def query_broker_topic_config(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        """Is a full registration needed? If not, the question counts as a sign of life."""
        header = headers.QueryDataVersionRequestHeader.from_ext(request.ext_fields)
        version = DataVersion.decode(request.body) if request.body else DataVersion()
        changed = self.routes.is_broker_topic_config_changed(header.broker_addr, version)
        if not changed:
            now = self.host.clock.now_millis()
            self.routes.update_broker_info_update_timestamp(header.broker_addr, now)
            self._tell_alive(header.broker_name, header.broker_id, header.broker_addr)
        known = self.routes.query_broker_topic_config(header.broker_addr)
        answer = headers.QueryDataVersionResponseHeader(changed=changed).to_ext()
        return request.create_response(0, None, answer, known.encode() if known else b"")

    def _tell_alive(self, broker_name: str, broker_id: int, broker_addr: str) -> None:
        live = self.routes.broker_live_table.get(broker_addr)
        if live is not None:
            self.host.recorder.emit(
                catalog.NAMESRV_BROKER_ALIVE,
                "namesrv",
                broker_addr,
                broker_name,
                broker_id,
                live.last_update_timestamp,
                live.expired_millis,
            )

    def wipe_write_perm_of_broker(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.WipeWritePermOfBrokerRequestHeader.from_ext(request.ext_fields)
        count = self.routes.wipe_write_perm_of_broker(header.broker_name)
        self._tell_perm(header.broker_name, "wiped", count)
        answer = headers.WipeWritePermOfBrokerResponseHeader(wipe_topic_count=count)
        return request.create_response(0, None, answer.to_ext())

    def add_write_perm_of_broker(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.AddWritePermOfBrokerRequestHeader.from_ext(request.ext_fields)
        count = self.routes.add_write_perm_of_broker(header.broker_name)
        self._tell_perm(header.broker_name, "added", count)
        answer = headers.AddWritePermOfBrokerResponseHeader(add_topic_count=count)
        return request.create_response(0, None, answer.to_ext())

    def _tell_perm(self, broker_name: str, perm: str, count: int) -> None:
        emit = self.host.recorder.emit
        emit(catalog.NAMESRV_PERM_CHANGED, "namesrv", broker_name, perm, count)

    # -- routes and topics -----------------------------------------------------------------------

    def get_route_info_by_topic(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.GetRouteInfoRequestHeader.from_ext(request.ext_fields)
        route = self.routes.pickup_topic_route_data(header.topic)
        if self.host.recorder.listening:
            brokers = len(route.broker_datas) if route else 0
            self.host.recorder.emit(
                catalog.NAMESRV_ROUTE_ANSWERED,
                "namesrv",
                connection.peer,
                header.topic,
                route is not None,
                brokers,
            )
        if route is None:
            remark = (
                f"No topic route info in name server for the topic: {header.topic}{SUGGEST_TODO}"
            )
            return request.create_response(ResponseCode.TOPIC_NOT_EXIST, remark)
        if self.controller.config.order_message_enable:
            orders = self.kv.get_kv_config(ORDER_TOPIC_CONFIG_NAMESPACE, header.topic)
            route.order_topic_conf = orders
        wants_standard = header.accept_standard_json_only or False
        standard = wants_standard or request.version >= STANDARD_JSON_VERSION
        return request.create_response(body=route.encode(standard=standard))

    def get_broker_cluster_info(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return request.create_response(body=self.routes.get_all_cluster_info().encode())

    def get_all_topic_list(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return _topics(request, self.routes.get_all_topic_list())

    def get_topics_by_cluster(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.GetTopicsByClusterRequestHeader.from_ext(request.ext_fields)
        return _topics(request, self.routes.get_topics_by_cluster(header.cluster))

    def get_system_topic_list(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        topics, broker_addr = self.routes.get_system_topic_list()
        return _topics(request, topics, broker_addr)

    def get_unit_topic_list(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return _topics(request, self.routes.get_unit_topics(lambda unit, sub: unit))

    def get_has_unit_sub_topic_list(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return _topics(request, self.routes.get_unit_topics(lambda unit, sub: sub))

    def get_has_unit_sub_ununit_topics(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        return _topics(request, self.routes.get_unit_topics(lambda unit, sub: sub and not unit))

    def delete_topic_in_namesrv(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.DeleteTopicFromNamesrvRequestHeader.from_ext(request.ext_fields)
        self.routes.delete_topic(header.topic, header.cluster_name or None)
        return request.create_response()

    # -- settings --------------------------------------------------------------------------------

    def put_kv_config(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        header = headers.PutKVConfigRequestHeader.from_ext(request.ext_fields)
        self.kv.put_kv_config(header.namespace, header.key, header.value)
        return request.create_response()

    def get_kv_config(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        header = headers.GetKVConfigRequestHeader.from_ext(request.ext_fields)
        value = self.kv.get_kv_config(header.namespace, header.key)
        if value is None:
            remark = f"No config item, Namespace: {header.namespace} Key: {header.key}"
            return request.create_response(ResponseCode.QUERY_NOT_FOUND, remark)
        return request.create_response(0, None, {"value": value})

    def delete_kv_config(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        header = headers.DeleteKVConfigRequestHeader.from_ext(request.ext_fields)
        self.kv.delete_kv_config(header.namespace, header.key)
        return request.create_response()

    def get_kv_list_by_namespace(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.GetKVListByNamespaceRequestHeader.from_ext(request.ext_fields)
        entries = self.kv.get_kv_list_by_namespace(header.namespace)
        if entries is None:
            remark = f"No config item, Namespace: {header.namespace}"
            return request.create_response(ResponseCode.QUERY_NOT_FOUND, remark)
        return request.create_response(body=KVTable(entries).encode())

    def update_config(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        text = str(request.body, "utf-8", "replace")
        self.controller.update_config(parse_properties(text))
        return request.create_response()

    def get_config(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        text = format_properties(self.controller.all_config())
        return request.create_response(body=text.encode())


def _registration(request: RemotingCommand, compressed: bool) -> RegisterBrokerBody:
    if not request.body:
        # Java: version 0 of an unknown state, so that the next full registration counts.
        return RegisterBrokerBody()
    if request.version >= FULL_BODY_VERSION:
        return RegisterBrokerBody.decode_register(request.body, compressed)
    return RegisterBrokerBody(TopicConfigSerializeWrapper.decode(request.body))


def _topics(
    request: RemotingCommand, topics: list[str], broker_addr: str | None = None
) -> RemotingCommand:
    return request.create_response(body=TopicList(topics, broker_addr).encode())
