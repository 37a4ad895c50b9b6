"""Admin commands that find, show, send and read messages.

Java:    tools.command.message.*
Differs: a message's body is printed, where mqadmin writes it to a file of a predictable name in
         /tmp; a body that is no text is printed as Base64.
"""

from __future__ import annotations

import base64

from minimq.cli.admin_command import Command, Option, Values, truth
from minimq.cli.admin_format import (
    directly_result,
    human_time,
    java_map,
    message_ext,
    parse_time,
    text_of,
)
from minimq.client.admin.message_query import (
    consume_message_directly,
    message_track_detail,
    pull,
    query_message,
    query_message_by_uniq_key,
    view_message,
)
from minimq.client.admin.mq_admin_ext import DefaultMQAdminExt
from minimq.client.consumer.pull_result import PullStatus
from minimq.client.producer.mq_producer import DefaultMQProducer
from minimq.client.producer.send_result import SendResult
from minimq.common.message import Message, MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.errors import ConfigError, MiniMQError

KEY_ROW = "{:<50} {:>4} {:>40}"
SEND_ROW = "{:<32}  {:<4}  {:<20} {}"
MESSAGES_DEFAULT = 128
PULL_MAX = 32
"""Messages of one pull."""


# -- finding -------------------------------------------------------------------------------------


async def query_msg_by_id(admin: DefaultMQAdminExt, values: Values) -> None:
    for msg_id in [part.strip() for part in values.i.split(",") if part.strip()]:
        message = await view_message(admin, msg_id)
        if values.g and values.d:
            result = await consume_message_directly(admin, values.g, values.d, message)
            print(directly_result(result))
        elif values.s:
            print(f"prepare resend msg. originalMsgId={msg_id}")
            print(send_result(await _resend(admin, message, values.u or "")))
        else:
            await print_message(admin, message)


async def query_msg_by_unique_key(admin: DefaultMQAdminExt, values: Values) -> None:
    message = await query_message_by_uniq_key(admin, values.t, values.i)
    if values.g and values.d:
        result = await consume_message_directly(admin, values.g, values.d, message)
        print(directly_result(result))
    else:
        await print_message(admin, message, with_id=False)


async def query_msg_by_key(admin: DefaultMQAdminExt, values: Values) -> None:
    messages = await query_message(admin, values.t, values.k)
    print(KEY_ROW.format("#Message ID", "#QID", "#Offset"))
    for message in messages:
        print(KEY_ROW.format(message.msg_id, message.queue_id, message.queue_offset))


async def query_msg_by_offset(admin: DefaultMQAdminExt, values: Values) -> None:
    """Prints nothing when nothing is there, as mqadmin does."""
    mq = MessageQueue(values.t, values.b, values.i)
    result = await pull(admin, mq, values.o)
    for message in result.msg_found_list[:1]:
        await print_message(admin, message)


async def print_message(
    admin: DefaultMQAdminExt, message: MessageExt, with_id: bool = True
) -> None:
    rows: list[tuple[str, object]] = [
        ("OffsetID:", message.offset_msg_id),
        ("Topic:", message.topic),
        ("Tags:", f"[{text_of(message.tags)}]"),
        ("Keys:", f"[{text_of(message.keys)}]"),
        ("Queue ID:", message.queue_id),
        ("Queue Offset:", message.queue_offset),
        ("CommitLog Offset:", message.commit_log_offset),
        ("Reconsume Times:", message.reconsume_times),
        ("Born Timestamp:", human_time(message.born_timestamp)),
        ("Store Timestamp:", human_time(message.store_timestamp)),
        ("Born Host:", message.born_host),
        ("Store Host:", message.store_host),
        ("System Flag:", message.sys_flag),
        ("Properties:", java_map(message.properties)),
        ("Message Body:", body_text(message.body)),
    ]
    for name, value in rows if with_id else rows[1:]:
        print(f"{name:<20} {value}")
    await _print_tracks(admin, message)


async def _print_tracks(admin: DefaultMQAdminExt, message: MessageExt) -> None:
    try:
        tracks = await message_track_detail(admin, message)
    except MiniMQError as error:
        print(f"\n\nWARN: who consumed it cannot be found out: {error}")
        return
    print("\n")
    for track in tracks:
        print(track)
    if not tracks:
        print("WARN: No Consumer")


def body_text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body).decode()


# -- sending -------------------------------------------------------------------------------------


async def send_message(admin: DefaultMQAdminExt, values: Values) -> None:
    if values.i is not None and not values.b:
        raise ConfigError("Broker name must be set if the queue is chosen!")
    message = Message(values.t, values.p.encode(), values.c, values.k)
    mq = MessageQueue(values.t, values.b, values.i) if values.i is not None else None
    result = await _send(admin, message, mq, enable_msg_trace=bool(values.m))
    queue = result.message_queue
    print(SEND_ROW.format("#Broker Name", "#QID", "#Send Result", "#MsgId"))
    print(SEND_ROW.format(queue.broker_name, queue.queue_id, result.send_status.name,
                          result.msg_id))  # fmt: skip


async def _send(
    admin: DefaultMQAdminExt, message: Message, mq: MessageQueue | None, **settings: object
) -> SendResult:
    """By a producer of its own, whose group is the time, as mqadmin's."""
    producer = DefaultMQProducer(
        str(admin.host.clock.now_millis()),
        host=admin.host,
        rpc_hook=admin.rpc_hook,
        namesrv_addr=";".join(admin.name_server_address_list),
        **settings,
    )
    async with producer:
        return await producer.send(message, mq)


async def _resend(admin: DefaultMQAdminExt, message: MessageExt, unit_name: str) -> SendResult:
    copy = Message(message.topic, message.body, flag=message.flag, properties=message.properties)
    return await _send(admin, copy, None, unit_name=unit_name)


def send_result(result: SendResult) -> str:
    return (
        f"SendResult [sendStatus={result.send_status.name}, msgId={result.msg_id}, "
        f"offsetMsgId={result.offset_msg_id}, messageQueue={result.message_queue}, "
        f"queueOffset={result.queue_offset}]"
    )


# -- reading -------------------------------------------------------------------------------------


async def consume_message(admin: DefaultMQAdminExt, values: Values) -> None:
    """Read messages without being a member of anything and without committing."""
    _check_reading(values, admin.host.clock.now_millis())
    left = values.c or MESSAGES_DEFAULT
    for mq in await _queues(admin, values):
        if left <= 0:
            return
        first, last = await _range(admin, mq, values)
        if values.o is not None and values.o > last:
            print(f"{mq} no matched msg, offset={values.o}")
            return
        if last - first > left:
            print(f"The older {left} message of the {mq.queue_id} queue will be provided")
            last, left = first + left - 1, 0
        else:
            left -= last - first + 1
        await _print_queue(admin, mq, first, last, values.g or "")


def _check_reading(values: Values, now_millis: int) -> None:
    if values.i is not None and not values.b:
        raise ConfigError("Please set the brokerName before queueId!")
    if values.o is not None and values.i is None:
        raise ConfigError("Please set queueId before offset!")
    if values.c is not None and values.c <= 0:
        raise ConfigError("Please input a positive messageNumber!")
    for name, millis in (("beginTimestamp", values.s), ("endTimestamp", values.e)):
        if millis is not None and millis > now_millis:
            raise ConfigError(f"Please set the {name} before now!")
    if values.s is not None and values.e is not None and values.s > values.e:
        raise ConfigError("the beginTimestamp must be less than or equal to the endTimestamp")


async def _queues(admin: DefaultMQAdminExt, values: Values) -> list[MessageQueue]:
    if values.i is not None:
        return [MessageQueue(values.t, values.b, values.i)]
    queues = await admin.fetch_subscribe_message_queues(values.t)
    return [mq for mq in queues if values.b in (None, mq.broker_name)]


async def _range(admin: DefaultMQAdminExt, mq: MessageQueue, values: Values) -> tuple[int, int]:
    """First and last offset to be asked for; the last is one behind the messages."""
    address = await admin.address_of_queue(mq)
    api = admin.api
    if values.s:
        first = await api.search_offset(address, mq, values.s)
    else:
        first = await api.get_min_offset(address, mq)
    if values.e:
        last = await api.search_offset(address, mq, values.e)
    else:
        last = await api.get_max_offset(address, mq)
    return max(first, values.o or 0), last


async def _print_queue(
    admin: DefaultMQAdminExt, mq: MessageQueue, first: int, last: int, group: str
) -> None:
    offset = first
    while offset <= last:
        result = await pull(admin, mq, offset, min(last - offset + 1, PULL_MAX), group)
        status = result.pull_status
        if result.next_begin_offset <= offset and status is PullStatus.FOUND:
            return  # a broker that does not get ahead
        offset = result.next_begin_offset
        if status is PullStatus.FOUND:
            print("Consume ok")
            for message in result.msg_found_list:
                body = message.body.decode("utf-8", "replace")
                print(f"MSGID: {message.msg_id} {message_ext(message)} BODY: {body}")
        elif status is PullStatus.NO_MATCHED_MSG:
            print(f"{mq} no matched msg. status={status.name}, offset={offset}")
        else:
            print(f"{mq} print msg finished. status={status.name}, offset={offset}")
            return


TOPIC = Option("t", "topic", "topic name", required=True)
GROUP = Option("g", "consumerGroup", "consumer group name")
CLIENT = Option("d", "clientId", "The consumer's client id")

MESSAGE_COMMANDS = (
    Command("queryMsgById", "Query Message by Id", query_msg_by_id, (
        Option("i", "msgId", "Message Id (OffsetID), several with commas", True), GROUP, CLIENT,
        Option("s", "sendMessage", "resend message (true|false)", kind=truth),
        Option("u", "unitName", "unit name"))),
    Command("queryMsgByKey", "Query Message by Key", query_msg_by_key, (
        TOPIC, Option("k", "msgKey", "Message Key", True))),
    Command("queryMsgByUniqueKey", "Query Message by Unique key", query_msg_by_unique_key, (
        Option("i", "msgId", "Message Id", True), GROUP, CLIENT, TOPIC,
        Option("a", "showAll", "Print all message, the limit is 32", flag=True))),
    Command("queryMsgByOffset", "Query Message by offset", query_msg_by_offset, (
        TOPIC, Option("b", "brokerName", "Broker Name", True),
        Option("i", "queueId", "Queue Id", True, int),
        Option("o", "offset", "Queue Offset", True, int))),
    Command("sendMessage", "Send a message", send_message, (
        TOPIC, Option("p", "body", "UTF-8 string format of the message body", True),
        Option("k", "key", "Message keys"), Option("c", "tags", "Message tags"),
        Option("b", "broker", "Send message to target broker"),
        Option("i", "qid", "Send message to target queue", kind=int),
        Option("m", "msgTraceEnable", "Message Trace Enable, Default: false", kind=truth))),
    Command("consumeMessage", "Consume message", consume_message, (
        TOPIC, Option("b", "brokerName", "Broker name"),
        Option("i", "queueId", "Queue Id", kind=int),
        Option("o", "offset", "Queue offset", kind=int),
        Option("g", "consumerGroup", "Consumer group name"),
        Option("s", "beginTimestamp", "Begin timestamp[currentTimeMillis|yyyy-MM-dd#HH:mm:ss:SSS]",
               kind=parse_time),
        Option("e", "endTimestamp", "End timestamp[currentTimeMillis|yyyy-MM-dd#HH:mm:ss:SSS]",
               kind=parse_time),
        Option("c", "MessageNumber", "Number of message to be consumed", kind=int))),
)  # fmt: skip
