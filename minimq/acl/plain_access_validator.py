"""Ask of every request whether it may pass, before its processor sees it.

Java:    acl.plain.PlainAccessValidator, BrokerController#initialAcl (the RPCHook)
Differs: SEND_BATCH_MESSAGE needs the permission of a send, as since 5.x; 4.9.8 lets a batch pass.
         Look-ups by key that Java's client has signed are accepted; Java's broker refuses them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from minimq.acl.acl_signer import ACCESS_KEY, SIGNATURE, signed_contents
from minimq.acl.permission import Permission
from minimq.acl.plain_permission_manager import PlainAccessResource, PlainPermissionManager
from minimq.common.mix_all import get_retry_topic, is_retry_topic
from minimq.errors import AclError, RemoteCommandError
from minimq.protocol.heartbeat import HeartbeatData
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.telemetry import catalog
from minimq.telemetry.recorder import Recorder

SERVICE = "PlainAccessValidator"
EXCEPTION = "org.apache.rocketmq.acl.common.AclException"
"""What clients look for in a remark."""

Perms = dict[str, int]
Ext = dict[str, str]


class Peer(Protocol):
    """A connection, of which only the other end's "ip:port" matters here."""

    peer: str


class PlainAccessValidator:
    """`dispatcher.before.insert(0, validator)` guards a server."""

    def __init__(self, permission_manager: PlainPermissionManager, recorder: Recorder) -> None:
        self.permission_manager = permission_manager
        self._recorder = recorder

    def __call__(self, connection: Peer, request: RemotingCommand) -> RemotingCommand | None:
        """None lets the request pass; else the answer that ends it."""
        try:
            self.permission_manager.validate(parse(request, connection.peer))
        except AclError as error:
            access_key = request.ext_fields.get(ACCESS_KEY, "")
            self._recorder.emit(
                catalog.ACL_REFUSED, SERVICE, connection.peer, request.code, access_key, str(error)
            )
            return request.create_response(ResponseCode.SYSTEM_ERROR, f"{EXCEPTION}: {error}")
        return None


def parse(request: RemotingCommand, remote_address: str) -> PlainAccessResource:
    ext = request.ext_fields
    return PlainAccessResource(
        remote_address.rpartition(":")[0].strip("[]") or remote_address,
        request.code,
        ext.get(ACCESS_KEY),
        ext.get(SIGNATURE),
        signed_contents(ext, request.body),
        needed_perms(request),
    )


def needed_perms(request: RemotingCommand) -> Perms:
    """Topic → permission; groups stand under their retry topic."""
    if request.code == RequestCode.HEART_BEAT:
        return _heartbeat(request.body)
    needs = _NEEDS.get(request.code)
    return needs(request.ext_fields) if needs is not None else {}


def _perms(*pairs: tuple[str | None, int]) -> Perms:
    return {resource: perm for resource, perm in pairs if resource is not None}


def _retry_topic(group: str | None) -> str | None:
    return None if group is None else get_retry_topic(group)


def _send(topic_field: str, group_field: str) -> Callable[[Ext], Perms]:
    def needs(ext: Ext) -> Perms:
        topic = ext.get(topic_field)
        if topic is not None and is_retry_topic(topic):
            return _perms((_retry_topic(ext.get(group_field)), Permission.SUB))
        return _perms((topic, Permission.PUB))

    return needs


def _consume(topic_field: str | None, group_field: str | None) -> Callable[[Ext], Perms]:
    def needs(ext: Ext) -> Perms:
        topic = ext.get(topic_field) if topic_field else None
        group = ext.get(group_field) if group_field else None
        return _perms((topic, Permission.SUB), (_retry_topic(group), Permission.SUB))

    return needs


_NEEDS: dict[int, Callable[[Ext], Perms]] = {
    RequestCode.SEND_MESSAGE: _send("topic", "group"),
    RequestCode.SEND_MESSAGE_V2: _send("b", "a"),
    RequestCode.SEND_BATCH_MESSAGE: _send("b", "a"),
    RequestCode.CONSUMER_SEND_MSG_BACK: _consume(None, "group"),
    RequestCode.PULL_MESSAGE: _consume("topic", "consumerGroup"),
    RequestCode.QUERY_MESSAGE: _consume("topic", None),
    RequestCode.UNREGISTER_CLIENT: _consume(None, "consumerGroup"),
    RequestCode.GET_CONSUMER_LIST_BY_GROUP: _consume(None, "consumerGroup"),
    RequestCode.UPDATE_CONSUMER_OFFSET: _consume("topic", "consumerGroup"),
}


def _heartbeat(body: bytes) -> Perms:
    try:
        heartbeat = HeartbeatData.decode(body)
    except RemoteCommandError as error:
        raise AclError(str(error)) from None
    perms: Perms = {}
    for consumer in heartbeat.consumer_data_set:
        perms[get_retry_topic(consumer.group_name)] = Permission.SUB
        perms |= {data.topic: Permission.SUB for data in consumer.subscription_data_set}
    return perms
