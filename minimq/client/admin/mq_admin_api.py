"""One method per request of an administrator to a broker.

Java:    client.impl.MQClientAPIImpl (what DefaultMQAdminExtImpl calls on it)
"""

from __future__ import annotations

from dataclasses import dataclass

from minimq.client.admin.namesrv_admin_api import NamesrvAdminAPI
from minimq.client.consumer.pull_result import PullResult, decode_result, process_pull_response
from minimq.client.mq_client_api import ANSWER_PATIENCE, make_request
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import TOOLS_CONSUMER_GROUP
from minimq.common.settings import format_properties, parse_properties
from minimq.common.sys_flag import PullSysFlag
from minimq.protocol import body, client_body, config_body, headers
from minimq.protocol.json_body import load_object
from minimq.protocol.language_code import LanguageCode
from minimq.protocol.message_codec import decode_message
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.protocol.subscription_data import SUB_ALL, SubscriptionData


@dataclass(slots=True)
class ClusterAclVersionInfo:
    cluster_name: str
    broker_name: str
    broker_addr: str
    all_acl_config_data_version: dict[str, config_body.DataVersion]


class MQAdminAPI(NamesrvAdminAPI):
    # -- topics and groups -----------------------------------------------------------------------

    async def delete_topic_in_broker(self, address: str, topic: str) -> None:
        header = headers.DeleteTopicRequestHeader(topic=topic)
        await self.ask(address, RequestCode.DELETE_TOPIC_IN_BROKER, header)

    async def get_all_topic_config(self, address: str) -> config_body.TopicConfigSerializeWrapper:
        answer = await self.ask(address, RequestCode.GET_ALL_TOPIC_CONFIG)
        return config_body.TopicConfigSerializeWrapper.decode(answer.body)

    async def get_topic_stats_info(self, address: str, topic: str) -> body.TopicStatsTable:
        header = headers.GetTopicStatsInfoRequestHeader(topic=topic)
        answer = await self.ask(address, RequestCode.GET_TOPIC_STATS_INFO, header)
        return body.TopicStatsTable.decode(answer.body)

    async def get_system_topic_list_from_broker(self, address: str) -> body.TopicList:
        answer = await self.ask(address, RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER)
        return body.TopicList.decode(answer.body)

    async def create_subscription_group(
        self, address: str, config: config_body.SubscriptionGroupConfig
    ) -> None:
        code = RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP
        await self.ask(address, code, None, config.encode())

    async def delete_subscription_group(
        self, address: str, group: str, remove_offset: bool
    ) -> None:
        header = headers.DeleteSubscriptionGroupRequestHeader(
            group_name=group, remove_offset=remove_offset
        )
        await self.ask(address, RequestCode.DELETE_SUBSCRIPTIONGROUP, header)

    async def get_all_subscription_group(
        self, address: str
    ) -> config_body.SubscriptionGroupWrapper:
        answer = await self.ask(address, RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG)
        return config_body.SubscriptionGroupWrapper.decode(answer.body)

    # -- who is connected ------------------------------------------------------------------------

    async def get_consumer_connection_list(
        self, address: str, group: str
    ) -> client_body.ConsumerConnection:
        header = headers.GetConsumerConnectionListRequestHeader(consumer_group=group)
        answer = await self.ask(address, RequestCode.GET_CONSUMER_CONNECTION_LIST, header)
        return client_body.ConsumerConnection.decode(answer.body)

    async def get_producer_connection_list(
        self, address: str, group: str
    ) -> client_body.ProducerConnection:
        header = headers.GetProducerConnectionListRequestHeader(producer_group=group)
        answer = await self.ask(address, RequestCode.GET_PRODUCER_CONNECTION_LIST, header)
        return client_body.ProducerConnection.decode(answer.body)

    async def get_all_producer_info(self, address: str) -> body.ProducerTableInfo:
        answer = await self.ask(address, RequestCode.GET_ALL_PRODUCER_INFO)
        return body.ProducerTableInfo.decode(answer.body)

    async def get_consumer_running_info(
        self, address: str, group: str, client_id: str, jstack: bool = False
    ) -> client_body.ConsumerRunningInfo:
        header = headers.GetConsumerRunningInfoRequestHeader(
            consumer_group=group, client_id=client_id, jstack_enable=jstack
        )
        code = RequestCode.GET_CONSUMER_RUNNING_INFO
        answer = await self.ask(address, code, header, patience=ANSWER_PATIENCE)
        return client_body.ConsumerRunningInfo.decode(answer.body)

    async def consume_message_directly(
        self, address: str, group: str, client_id: str | None, offset_msg_id: str
    ) -> client_body.ConsumeMessageDirectlyResult:
        header = headers.ConsumeMessageDirectlyResultRequestHeader(
            consumer_group=group, client_id=client_id, msg_id=offset_msg_id
        )
        code = RequestCode.CONSUME_MESSAGE_DIRECTLY
        answer = await self.ask(address, code, header, patience=ANSWER_PATIENCE)
        return client_body.ConsumeMessageDirectlyResult.decode(answer.body)

    async def query_topic_consume_by_who(self, address: str, topic: str) -> list[str]:
        header = headers.QueryTopicConsumeByWhoRequestHeader(topic=topic)
        answer = await self.ask(address, RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, header)
        return body.GroupList.decode(answer.body).group_list

    # -- progress --------------------------------------------------------------------------------

    async def get_consume_stats(
        self, address: str, group: str, topic: str | None = None
    ) -> body.ConsumeStats:
        header = headers.GetConsumeStatsRequestHeader(consumer_group=group, topic=topic)
        answer = await self.ask(address, RequestCode.GET_CONSUME_STATS, header)
        return body.ConsumeStats.decode(answer.body)

    async def fetch_consume_stats_in_broker(
        self, address: str, is_order: bool = False
    ) -> body.ConsumeStatsList:
        header = headers.GetConsumeStatsInBrokerHeader(is_order=is_order)
        answer = await self.ask(address, RequestCode.GET_BROKER_CONSUME_STATS, header)
        return body.ConsumeStatsList.decode(answer.body)

    async def query_consume_time_span(
        self, address: str, topic: str, group: str
    ) -> list[body.QueueTimeSpan]:
        header = headers.QueryConsumeTimeSpanRequestHeader(topic=topic, group=group)
        answer = await self.ask(address, RequestCode.QUERY_CONSUME_TIME_SPAN, header)
        return body.QueryConsumeTimeSpanBody.decode(answer.body).consume_time_span_set

    async def query_correction_offset(
        self, address: str, topic: str, group: str, filter_groups: list[str]
    ) -> dict[int, int]:
        header = headers.QueryCorrectionOffsetHeader(
            topic=topic, compare_group=group, filter_groups=",".join(filter_groups) or None
        )
        answer = await self.ask(address, RequestCode.QUERY_CORRECTION_OFFSET, header)
        return body.QueryCorrectionOffsetBody.decode(answer.body).correction_offsets

    async def invoke_broker_to_reset_offset(
        self,
        address: str,
        topic: str,
        group: str,
        timestamp: int,
        is_force: bool,
        is_c: bool = False,
    ) -> dict[MessageQueue, int]:
        """`timestamp` -1: to the end. `is_c`: the members are C++ clients."""
        header = headers.ResetOffsetRequestHeader(
            topic=topic, group=group, timestamp=timestamp, is_force=is_force
        )
        request = make_request(RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, header)
        if is_c:
            request.language = LanguageCode.CPP
        answer = await self._call(address, request)
        return client_body.ResetOffsetBody.decode(answer.body).offset_table if answer.body else {}

    async def invoke_broker_to_get_consumer_status(
        self, address: str, topic: str, group: str, client_addr: str | None = None
    ) -> dict[str, dict[MessageQueue, int]]:
        header = headers.GetConsumerStatusRequestHeader(
            topic=topic, group=group, client_addr=client_addr
        )
        code = RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS
        answer = await self.ask(address, code, header, patience=ANSWER_PATIENCE)
        return client_body.GetConsumerStatusBody.decode(answer.body).consumer_table

    async def clone_group_offset(
        self, address: str, source: str, target: str, topic: str | None, offline: bool
    ) -> None:
        header = headers.CloneGroupOffsetRequestHeader(
            src_group=source, dest_group=target, topic=topic, offline=offline
        )
        await self.ask(address, RequestCode.CLONE_GROUP_OFFSET, header)

    # -- messages --------------------------------------------------------------------------------

    async def view_message_at(self, address: str, commit_log_offset: int) -> MessageExt:
        record = await self.view_message(address, commit_log_offset)
        return decode_message(record)

    async def pull_message(
        self, address: str, mq: MessageQueue, offset: int, max_nums: int, group: str = ""
    ) -> PullResult:
        """A pull of everything that waits for nothing and commits nothing."""
        header = headers.PullMessageRequestHeader(
            consumer_group=group or TOOLS_CONSUMER_GROUP,
            topic=mq.topic,
            queue_id=mq.queue_id,
            queue_offset=offset,
            max_msg_nums=max_nums,
            sys_flag=int(PullSysFlag.SUBSCRIPTION),
            commit_offset=0,
            suspend_timeout_millis=0,
            sub_version=0,
            subscription=SUB_ALL,
        )
        request = make_request(RequestCode.PULL_MESSAGE, header)
        timeout = self._timeout_millis * ANSWER_PATIENCE
        answer = await self.remoting_client.invoke(address, request, timeout)
        result = process_pull_response(answer, address)
        decode_result(result, mq, SubscriptionData(mq.topic, SUB_ALL))
        return result

    async def query_consume_queue(
        self, address: str, header: headers.QueryConsumeQueueRequestHeader
    ) -> body.QueryConsumeQueueResponseBody:
        answer = await self.ask(address, RequestCode.QUERY_CONSUME_QUEUE, header)
        return body.QueryConsumeQueueResponseBody.decode(answer.body)

    async def resume_check_half_message(self, address: str, offset_msg_id: str) -> bool:
        header = headers.ResumeCheckHalfMessageRequestHeader(msg_id=offset_msg_id)
        request = make_request(RequestCode.RESUME_CHECK_HALF_MESSAGE, header)
        answer = await self.remoting_client.invoke(address, request, self._timeout_millis)
        return answer.code == ResponseCode.SUCCESS

    # -- the broker itself -----------------------------------------------------------------------

    async def get_broker_runtime_info(self, address: str) -> dict[str, str]:
        answer = await self.ask(address, RequestCode.GET_BROKER_RUNTIME_INFO)
        return config_body.KVTable.decode(answer.body).table

    async def get_broker_config(self, address: str) -> dict[str, str]:
        answer = await self.ask(address, RequestCode.GET_BROKER_CONFIG)
        return parse_properties(answer.body.decode("utf-8", "replace"))

    async def update_broker_config(self, address: str, properties: dict[str, str]) -> None:
        text = format_properties(properties).encode()
        await self.ask(address, RequestCode.UPDATE_BROKER_CONFIG, None, text)

    async def view_broker_stats_data(
        self, address: str, stats_name: str, stats_key: str
    ) -> body.BrokerStatsData:
        header = headers.ViewBrokerStatsDataRequestHeader(
            stats_name=stats_name, stats_key=stats_key
        )
        answer = await self.ask(address, RequestCode.VIEW_BROKER_STATS_DATA, header)
        return body.BrokerStatsData.decode(answer.body)

    async def clean_expired_consume_queue(self, address: str) -> None:
        await self.ask(address, RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE)

    async def clean_unused_topic(self, address: str) -> None:
        await self.ask(address, RequestCode.CLEAN_UNUSED_TOPIC)

    async def delete_expired_commit_log(self, address: str) -> None:
        await self.ask(address, RequestCode.DELETE_EXPIRED_COMMITLOG)

    # -- access ----------------------------------------------------------------------------------

    async def create_plain_access_config(
        self, address: str, header: headers.CreateAccessConfigRequestHeader
    ) -> None:
        await self.ask(address, RequestCode.UPDATE_AND_CREATE_ACL_CONFIG, header)

    async def delete_access_config(self, address: str, access_key: str) -> None:
        header = headers.DeleteAccessConfigRequestHeader(access_key=access_key)
        await self.ask(address, RequestCode.DELETE_ACL_CONFIG, header)

    async def update_global_white_addrs_config(
        self, address: str, addresses: str, acl_file: str | None = None
    ) -> None:
        header = headers.UpdateGlobalWhiteAddrsConfigRequestHeader(
            global_white_addrs=addresses, acl_file_full_path=acl_file
        )
        await self.ask(address, RequestCode.UPDATE_GLOBAL_WHITE_ADDRS_CONFIG, header)

    async def get_broker_cluster_acl_info(self, address: str) -> ClusterAclVersionInfo:
        answer = await self.ask(address, RequestCode.GET_BROKER_CLUSTER_ACL_INFO)
        header = headers.GetBrokerAclConfigResponseHeader.from_ext(answer.ext_fields)
        files = load_object(header.all_acl_file_version or "{}")
        versions = {str(p): config_body.DataVersion.from_json(v) for p, v in files.items()}
        return ClusterAclVersionInfo(
            header.cluster_name, header.broker_name, header.broker_addr, versions
        )
