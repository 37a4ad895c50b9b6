"""One method per request that a client makes.

Java:    client.impl.MQClientAPIImpl
Posts:   RocketMQ源码分析之Consumer端(下), MQClientAPIImpl.pullMessage; RocketMQ生产消费流程浅析,
         MQClientAPIImpl.sendMessage
Differs: sending and pulling build their requests in producer/send_request.py and
         consumer/pull_api_wrapper.py; what only admin tools ask is in client/admin.
"""

from __future__ import annotations

from minimq.common.host import Host
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.errors import MQBrokerError, MQClientError, TopicRouteNotFoundError
from minimq.protocol.client_body import (
    CheckClientRequestBody,
    GetConsumerListByGroupResponseBody,
    LockBatchRequestBody,
    LockBatchResponseBody,
    UnlockBatchRequestBody,
)
from minimq.protocol.config_body import TopicConfig
from minimq.protocol.custom_header import CommandCustomHeader
from minimq.protocol.headers import (
    ConsumerSendMsgBackRequestHeader,
    CreateTopicRequestHeader,
    EndTransactionRequestHeader,
    GetConsumerListByGroupRequestHeader,
    GetEarliestMsgStoretimeRequestHeader,
    GetEarliestMsgStoretimeResponseHeader,
    GetMaxOffsetRequestHeader,
    GetMinOffsetRequestHeader,
    GetRouteInfoRequestHeader,
    QueryConsumerOffsetRequestHeader,
    QueryConsumerOffsetResponseHeader,
    QueryMessageRequestHeader,
    SearchOffsetRequestHeader,
    UnregisterClientRequestHeader,
    UpdateConsumerOffsetRequestHeader,
    ViewMessageRequestHeader,
)
from minimq.protocol.heartbeat import HeartbeatData
from minimq.protocol.message_codec import decode_messages
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.protocol.route import TopicRouteData
from minimq.protocol.subscription_data import SubscriptionData
from minimq.remoting.link_table import LinkTable
from minimq.remoting.remoting_client import RemotingClient
from minimq.remoting.request_dispatcher import RequestDispatcher

OFFSET_CALL_TIMEOUT_MILLIS = 5_000
SEND_BACK_TIMEOUT_MILLIS = 5_000
LOCK_TIMEOUT_MILLIS = 1_000
ANSWER_PATIENCE = 3
"""Times the usual time-out for what a broker asks of a client or looks up in its index."""


def make_request(
    code: RequestCode, header: CommandCustomHeader | None = None, body: bytes = b""
) -> RemotingCommand:
    return RemotingCommand.create_request(code, header.to_ext() if header else None, body)


class MQClientAPI:
    def __init__(
        self, host: Host, dispatcher: RequestDispatcher, links: LinkTable, timeout_millis: int
    ) -> None:
        self.remoting_client = RemotingClient(host, dispatcher, links=links)
        self._timeout_millis = timeout_millis

    async def _call(
        self, address: str | None, request: RemotingCommand, timeout_millis: float = 0
    ) -> RemotingCommand:
        """The answer if its code is SUCCESS, else MQBrokerError."""
        timeout = timeout_millis or self._timeout_millis
        response = await self.remoting_client.invoke(address, request, timeout)
        if response.code != ResponseCode.SUCCESS:
            raise MQBrokerError(response.code, response.remark, address or "name server")
        return response

    # -- name server -----------------------------------------------------------------------------

    async def get_topic_route_info_from_name_server(self, topic: str) -> TopicRouteData:
        header = GetRouteInfoRequestHeader(topic=topic, accept_standard_json_only=True)
        request = make_request(RequestCode.GET_ROUTEINFO_BY_TOPIC, header)
        response = await self.remoting_client.invoke(None, request, self._timeout_millis)
        if response.code == ResponseCode.SUCCESS and response.body:
            return TopicRouteData.decode(response.body)
        if response.code == ResponseCode.TOPIC_NOT_EXIST:
            raise TopicRouteNotFoundError(response.remark or topic, response.code)
        raise MQClientError(response.remark or f"no route for {topic}", response.code)

    # -- life ------------------------------------------------------------------------------------

    async def send_heartbeat(
        self, address: str, heartbeat: HeartbeatData, timeout_millis: float
    ) -> int:
        """Returns the broker's version."""
        request = make_request(RequestCode.HEART_BEAT, body=heartbeat.encode())
        return (await self._call(address, request, timeout_millis)).version

    async def unregister_client(
        self, address: str, client_id: str, producer_group: str | None, consumer_group: str | None
    ) -> None:
        header = UnregisterClientRequestHeader(
            client_id=client_id, producer_group=producer_group, consumer_group=consumer_group
        )
        await self._call(address, make_request(RequestCode.UNREGISTER_CLIENT, header))

    async def check_client_in_broker(
        self, address: str, group: str, client_id: str, subscription: SubscriptionData
    ) -> None:
        body = CheckClientRequestBody(client_id, group, subscription).encode()
        await self._call(address, make_request(RequestCode.CHECK_CLIENT_CONFIG, body=body))

    async def get_consumer_id_list_by_group(self, address: str, group: str) -> list[str]:
        header = GetConsumerListByGroupRequestHeader(consumer_group=group)
        request = make_request(RequestCode.GET_CONSUMER_LIST_BY_GROUP, header)
        response = await self._call(address, request)
        return GetConsumerListByGroupResponseBody.decode(response.body).consumer_id_list

    # -- offsets ---------------------------------------------------------------------------------

    async def query_consumer_offset(self, address: str, group: str, mq: MessageQueue) -> int:
        header = QueryConsumerOffsetRequestHeader(
            consumer_group=group, topic=mq.topic, queue_id=mq.queue_id
        )
        request = make_request(RequestCode.QUERY_CONSUMER_OFFSET, header)
        return _offset(await self._call(address, request, OFFSET_CALL_TIMEOUT_MILLIS))

    def _update_offset_request(self, group: str, mq: MessageQueue, offset: int) -> RemotingCommand:
        header = UpdateConsumerOffsetRequestHeader(
            consumer_group=group, topic=mq.topic, queue_id=mq.queue_id, commit_offset=offset
        )
        return make_request(RequestCode.UPDATE_CONSUMER_OFFSET, header)

    async def update_consumer_offset(
        self, address: str, group: str, mq: MessageQueue, offset: int
    ) -> None:
        request = self._update_offset_request(group, mq, offset)
        await self._call(address, request, OFFSET_CALL_TIMEOUT_MILLIS)

    async def update_consumer_offset_oneway(
        self, address: str, group: str, mq: MessageQueue, offset: int
    ) -> None:
        request = self._update_offset_request(group, mq, offset)
        await self.remoting_client.invoke_oneway(address, request)

    async def get_max_offset(self, address: str, mq: MessageQueue) -> int:
        header = GetMaxOffsetRequestHeader(topic=mq.topic, queue_id=mq.queue_id)
        return _offset(await self._call(address, make_request(RequestCode.GET_MAX_OFFSET, header)))

    async def get_min_offset(self, address: str, mq: MessageQueue) -> int:
        header = GetMinOffsetRequestHeader(topic=mq.topic, queue_id=mq.queue_id)
        return _offset(await self._call(address, make_request(RequestCode.GET_MIN_OFFSET, header)))

    async def search_offset(self, address: str, mq: MessageQueue, timestamp: int) -> int:
        header = SearchOffsetRequestHeader(
            topic=mq.topic, queue_id=mq.queue_id, timestamp=timestamp
        )
        request = make_request(RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, header)
        return _offset(await self._call(address, request))

    async def get_earliest_msg_storetime(self, address: str, mq: MessageQueue) -> int:
        header = GetEarliestMsgStoretimeRequestHeader(topic=mq.topic, queue_id=mq.queue_id)
        request = make_request(RequestCode.GET_EARLIEST_MSG_STORETIME, header)
        response = await self._call(address, request)
        return GetEarliestMsgStoretimeResponseHeader.from_ext(response.ext_fields).timestamp

    async def view_message(self, address: str, commit_log_offset: int) -> bytes:
        header = ViewMessageRequestHeader(offset=commit_log_offset)
        return (
            await self._call(address, make_request(RequestCode.VIEW_MESSAGE_BY_ID, header))
        ).body

    async def query_message(
        self, address: str, header: QueryMessageRequestHeader
    ) -> list[MessageExt]:
        """What the index finds, other keys with the same hash among it."""
        request = make_request(RequestCode.QUERY_MESSAGE, header)
        timeout = self._timeout_millis * ANSWER_PATIENCE
        answer = await self.remoting_client.invoke(address, request, timeout)
        return decode_messages(answer.body) if answer.code == ResponseCode.SUCCESS else []

    async def create_topic(self, address: str, default_topic: str, config: TopicConfig) -> None:
        header = CreateTopicRequestHeader(
            topic=config.topic_name,
            default_topic=default_topic,
            read_queue_nums=config.read_queue_nums,
            write_queue_nums=config.write_queue_nums,
            perm=config.perm,
            topic_filter_type=config.topic_filter_type,
            topic_sys_flag=config.topic_sys_flag,
            order=config.order,
        )
        await self._call(address, make_request(RequestCode.UPDATE_AND_CREATE_TOPIC, header))

    # -- messages and queues ---------------------------------------------------------------------

    async def consumer_send_message_back(
        self, address: str, header: ConsumerSendMsgBackRequestHeader
    ) -> None:
        request = make_request(RequestCode.CONSUMER_SEND_MSG_BACK, header)
        await self._call(address, request, SEND_BACK_TIMEOUT_MILLIS)

    async def lock_batch_mq(
        self, address: str, group: str, client_id: str, queues: list[MessageQueue]
    ) -> list[MessageQueue]:
        body = LockBatchRequestBody(group, client_id, queues).encode()
        request = make_request(RequestCode.LOCK_BATCH_MQ, body=body)
        response = await self._call(address, request, LOCK_TIMEOUT_MILLIS)
        return LockBatchResponseBody.decode(response.body).lock_ok_mq_set

    async def unlock_batch_mq(
        self, address: str, group: str, client_id: str, queues: list[MessageQueue], oneway: bool
    ) -> None:
        body = UnlockBatchRequestBody(group, client_id, queues).encode()
        request = make_request(RequestCode.UNLOCK_BATCH_MQ, body=body)
        if oneway:
            await self.remoting_client.invoke_oneway(address, request)
        else:
            await self._call(address, request, LOCK_TIMEOUT_MILLIS)

    async def end_transaction_oneway(
        self, address: str, header: EndTransactionRequestHeader, remark: str | None
    ) -> None:
        request = make_request(RequestCode.END_TRANSACTION, header)
        request.remark = remark
        await self.remoting_client.invoke_oneway(address, request)


def _offset(response: RemotingCommand) -> int:
    return QueryConsumerOffsetResponseHeader.from_ext(response.ext_fields).offset
