"""Give a failed message back: to its broker, else as a copy through any broker.

Java:    DefaultMQPushConsumerImpl#sendMessageBack, MQClientAPIImpl#consumerSendMessageBack
Posts:   RocketMQ消费者消费消息, sendMessageBack
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.common.message import Message, MessageExt
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import get_retry_topic
from minimq.errors import MiniMQError, MQClientError
from minimq.protocol.headers import ConsumerSendMsgBackRequestHeader

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

FIRST_RETRY_LEVEL = 3


async def send_message_back(
    instance: MQClientInstance,
    group: str,
    message: MessageExt,
    delay_level: int,
    broker_name: str,
    max_reconsume_times: int,
) -> str:
    """Returns the way it went: "broker" or "producer". Raises if neither took it."""
    topic = instance.config.with_namespace(message.topic)
    header = ConsumerSendMsgBackRequestHeader(
        offset=message.commit_log_offset,
        group=group,
        delay_level=delay_level,
        origin_msg_id=message.msg_id,
        origin_topic=topic,
        max_reconsume_times=max_reconsume_times,
    )
    try:
        address = instance.route_table.find_broker_address_in_publish(broker_name)
        if address is None:
            raise MQClientError(f"The broker[{broker_name}] has no master")
        await instance.mq_client_api.consumer_send_message_back(address, header)
    except MiniMQError:
        copy = retry_copy(message, topic, group, max_reconsume_times, message.reconsume_times + 1)
        producer = instance.default_mq_producer
        await producer.send_default_impl(copy, producer.config.send_msg_timeout)
        return "producer"
    return "broker"


def retry_copy(
    message: MessageExt, topic: str, group: str, max_reconsume_times: int, reconsume_times: int
) -> Message:
    """What a producer sends in a consumer's place; the broker takes over the count of retries."""
    properties = dict(message.properties)
    origin = properties.get(MessageConst.PROPERTY_ORIGIN_MESSAGE_ID)
    properties[MessageConst.PROPERTY_ORIGIN_MESSAGE_ID] = origin or message.msg_id
    properties[MessageConst.PROPERTY_RETRY_TOPIC] = topic
    properties[MessageConst.PROPERTY_RECONSUME_TIME] = str(reconsume_times)
    properties[MessageConst.PROPERTY_MAX_RECONSUME_TIMES] = str(max_reconsume_times)
    properties.pop(MessageConst.PROPERTY_TRANSACTION_PREPARED, None)
    level = FIRST_RETRY_LEVEL + message.reconsume_times
    return Message(
        get_retry_topic(group),
        message.body,
        flag=message.flag,
        delay_time_level=level,
        properties=properties,
    )
