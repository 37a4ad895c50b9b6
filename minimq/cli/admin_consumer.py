"""Admin commands about groups: who is there, how far they are, where they shall go on.

Java:    tools.command.consumer.*, tools.command.connection.*, tools.command.offset.*,
         tools.command.producer.ProducerSubCommand
Differs: consumerStatus prints what mqadmin writes into a file per member.
"""

from __future__ import annotations

from minimq.cli.admin_command import Command, Option, Values, broker_or_cluster, truth
from minimq.cli.admin_format import parse_time, plain_time, subscription_group_config
from minimq.cli.admin_running_info import analyze, format_running_info
from minimq.cli.admin_topic import print_deletion
from minimq.client.admin.mq_admin_ext import DefaultMQAdminExt
from minimq.client.admin.offset_reset import (
    TO_THE_END,
    is_not_online,
    reset_offset_by_timestamp,
    reset_offset_by_timestamp_old,
)
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import get_dlq_topic, get_retry_topic, group_of_retry_topic
from minimq.common.mix_all import is_retry_topic as is_retry
from minimq.common.mq_version import get_version_desc
from minimq.errors import MiniMQError, MQBrokerError
from minimq.protocol.client_body import ConsumerConnection, ConsumerRunningInfo
from minimq.protocol.config_body import SubscriptionGroupConfig
from minimq.protocol.consumer_enums import ConsumeType

PROGRESS_ROW = "{:<64}  {:<32}  {:<4}  {:<20}  {:<20}  {:<20}  {}"
PROGRESS_IP_ROW = "{:<64}  {:<32}  {:<4}  {:<20}  {:<20}  {:<20} {:<20}  {}"
GROUP_ROW = "{:<64}  {:<6}  {:<24} {:<5}  {:<14}  {:<7}  {}"
CONNECTION_ROW = "{:<36} {:<22} {:<10} {}"
STATUS_ROW = "{:<10} {:<40} {:<20} {}"
OFFSET_ROW = "{:<40}  {:<40}  {:<40}"
ROLLBACK_ROW = "{:<20}  {:<20}  {:<20}  {:<20}  {:<20}  {:<20}"


# -- progress ------------------------------------------------------------------------------------


async def consumer_progress(admin: DefaultMQAdminExt, values: Values) -> None:
    if values.g:
        await _print_group(admin, values.g, bool(values.s))
        return
    print(GROUP_ROW.format("#Group", "#Count", "#Version", "#Type", "#Model", "#TPS",
                           "#Diff Total"))  # fmt: skip
    for topic in await admin.fetch_all_topic_list():
        if is_retry(topic):
            await _print_group_line(admin, group_of_retry_topic(topic))


async def _print_group(admin: DefaultMQAdminExt, group: str, show_ip: bool) -> None:
    stats = await admin.examine_consume_stats(group)
    owners = await queue_owners(admin, group) if show_ip else {}
    head = ["#Topic", "#Broker Name", "#QID", "#Broker Offset", "#Consumer Offset", "#Client IP",
            "#Diff", "#LastTime"]  # fmt: skip
    if not show_ip:
        head.remove("#Client IP")
    row = PROGRESS_IP_ROW if show_ip else PROGRESS_ROW
    print(row.format(*head))
    for mq, offsets in sorted(stats.offset_table.items(), key=lambda item: item[0]):
        last = plain_time(offsets.last_timestamp) if offsets.last_timestamp else "N/A"
        owner = [owners.get(mq, "N/A")] if show_ip else []
        diff = offsets.broker_offset - offsets.consumer_offset
        print(row.format(mq.topic[:64], mq.broker_name[:32], mq.queue_id, offsets.broker_offset,
                         offsets.consumer_offset, *owner, diff, last))  # fmt: skip
    print(f"\nConsume TPS: {stats.consume_tps:.2f}")
    print(f"Diff Total: {stats.compute_total_diff()}")


async def queue_owners(admin: DefaultMQAdminExt, group: str) -> dict[MessageQueue, str]:
    """Queue → address of the client that has it; what cannot be found out is left out."""
    owners: dict[MessageQueue, str] = {}
    try:
        connection = await admin.examine_consumer_connection_info(group)
        for member in connection.connection_set:
            info = await admin.get_consumer_running_info(group, member.client_id)
            owners |= dict.fromkeys(info.mq_table, member.client_id.partition("@")[0])
    except MiniMQError:
        return owners
    return owners


async def _print_group_line(admin: DefaultMQAdminExt, group: str) -> None:
    tps, diff, members = 0, 0, ("OFFLINE", "", "")
    try:
        stats = await admin.examine_consume_stats(group)
        tps, diff = int(stats.consume_tps), stats.compute_total_diff()
    except MiniMQError:
        pass  # nothing consumed yet
    count = 0
    try:
        connection = await admin.examine_consumer_connection_info(group)
        count = len(connection.connection_set)
        members = describe(connection) if count else members
    except MiniMQError:
        pass  # nobody there
    print(GROUP_ROW.format(group[:64], count, *members, tps, diff))


def describe(connection: ConsumerConnection) -> tuple[str, str, str]:
    """Lowest version, type and model of a group's members."""
    version = min(member.version for member in connection.connection_set)
    if connection.consume_type == ConsumeType.CONSUME_ACTIVELY:
        return get_version_desc(version), "PULL", ""
    return get_version_desc(version), "PUSH", connection.message_model.name


# -- who is there --------------------------------------------------------------------------------


async def consumer_connection(admin: DefaultMQAdminExt, values: Values) -> None:
    found = await admin.examine_consumer_connection_info(values.g, values.b)
    print(CONNECTION_ROW.format("#ClientId", "#ClientAddr", "#Language", "#Version"))
    for member in found.connection_set:
        print(CONNECTION_ROW.format(member.client_id, member.client_addr, member.language or "null",
                                    get_version_desc(member.version)))  # fmt: skip
    print("\nBelow is subscription:")
    print("{:<20} {}".format("#Topic", "#SubExpression"))
    for data in found.subscription_table.values():
        print(f"{data.topic:<20} {data.sub_string}")
    print(f"\nConsumeType: {found.consume_type.name}")
    print(f"MessageModel: {found.message_model.name}")
    print(f"ConsumeFromWhere: {found.consume_from_where.name}")


async def producer_connection(admin: DefaultMQAdminExt, values: Values) -> None:
    found = await admin.examine_producer_connection_info(values.g, values.t)
    for number, member in enumerate(found.connection_set, 1):
        language = member.language or "null"
        version = get_version_desc(member.version)
        print(
            f"{number:04}  {member.client_id:<32} {member.client_addr:<22} {language:<8} {version}"
        )


async def producer(admin: DefaultMQAdminExt, values: Values) -> None:
    for group, members in (await admin.api.get_all_producer_info(values.b)).data.items():
        for info in members:
            print(
                f"producer group ({group}) instance : clientId={info.client_id},"
                f"remoteIP={info.remote_ip}, language={info.language}, version={info.version}, "
                f"lastUpdateTimestamp={info.last_update_timestamp}"
            )


async def consumer_status(admin: DefaultMQAdminExt, values: Values) -> None:
    if values.i:
        info = await admin.get_consumer_running_info(values.g, values.i, values.s)
        print(format_running_info(info), end="")
        return
    found = await admin.examine_consumer_connection_info(values.g, values.b)
    print(STATUS_ROW.format("#Index", "#ClientId", "#Version", "#ConsumerRunningInfo"))
    infos: dict[str, ConsumerRunningInfo] = {}
    for number, member in enumerate(found.connection_set, 1):
        client_id = member.client_id
        try:
            infos[client_id] = await admin.get_consumer_running_info(values.g, client_id, values.s)
            state = "below"
        except MiniMQError as error:
            state = str(error)
        print(STATUS_ROW.format(number, client_id, get_version_desc(member.version), state))
    print(analyze(infos, admin.host.clock.now_millis()), end="")
    for client_id, info in sorted(infos.items()):
        print(f"\n======== {client_id} ========\n{format_running_info(info)}", end="")


# -- groups --------------------------------------------------------------------------------------


async def update_sub_group(admin: DefaultMQAdminExt, values: Values) -> None:
    """What is not given takes its default; broadcasting and starting from the minimum: false."""
    config = SubscriptionGroupConfig(
        values.g, consume_from_min_enable=bool(values.m), consume_broadcast_enable=bool(values.d)
    )
    given = {
        "consume_enable": values.s,
        "retry_queue_nums": values.q,
        "retry_max_times": values.r,
        "broker_id": values.i,
        "which_broker_when_consume_slowly": values.w,
        "notify_consumer_ids_changed_enable": values.a,
    }
    for name, value in given.items():
        if value is not None:
            setattr(config, name, value)
    for address in await admin.broker_addresses(values.b, values.c):
        await admin.api.create_subscription_group(address, config)
        print(f"create subscription group to {address} success.")
    print(subscription_group_config(config))


async def delete_sub_group(admin: DefaultMQAdminExt, values: Values) -> None:
    where = f" in cluster [{values.c}]" if values.c else ""
    for address in await admin.broker_addresses(values.b, values.c):
        await admin.api.delete_subscription_group(address, values.g, bool(values.r))
        print(f"delete subscription group [{values.g}] from broker [{address}]{where} success.")
    if values.c:
        await print_deletion(admin, values.c, get_retry_topic(values.g))
        await print_deletion(admin, values.c, get_dlq_topic(values.g))


# -- offsets -------------------------------------------------------------------------------------


def timestamp(text: str) -> tuple[str, int]:
    """`now`, milliseconds or a date; what was said is kept for the output."""
    return text.strip(), TO_THE_END if text.strip() == "now" else parse_time(text)


async def reset_offset_by_time(admin: DefaultMQAdminExt, values: Values) -> None:
    force = True if values.f is None else values.f
    said, millis = values.s
    what = (
        f"topic[{values.t}], force[{str(force).lower()}], timestamp(string)[{said}], "
        f"timestamp(long)[{millis}]"
    )
    try:
        offsets = await reset_offset_by_timestamp(
            admin, values.t, values.g, millis, force, values.c
        )
    except MQBrokerError as error:
        if not is_not_online(error):
            raise
        await _reset_stored(admin, values.g, values.t, millis, force, what)
        return
    print(f"rollback consumer offset by specified group[{values.g}], {what}")
    print(OFFSET_ROW.format("#brokerName", "#queueId", "#offset"))
    for mq, offset in sorted(offsets.items(), key=lambda item: item[0]):
        print(OFFSET_ROW.format(mq.broker_name[:32], mq.queue_id, offset))


async def _reset_stored(
    admin: DefaultMQAdminExt, group: str, topic: str, millis: int, force: bool, what: str
) -> None:
    results = await reset_offset_by_timestamp_old(admin, group, topic, millis, force)
    print(f"rollback consumer offset by specified consumerGroup[{group}], {what}")
    print(ROLLBACK_ROW.format("#brokerName", "#queueId", "#brokerOffset", "#consumerOffset",
                              "#timestampOffset", "#rollbackOffset"))  # fmt: skip
    for row in results:
        print(ROLLBACK_ROW.format(row.broker_name[:32], row.queue_id, row.broker_offset,
                                  row.consumer_offset, row.timestamp_offset,
                                  row.rollback_offset))  # fmt: skip


async def clone_group_offset(admin: DefaultMQAdminExt, values: Values) -> None:
    stats = await admin.examine_consume_stats(values.s)
    for mq, offsets in sorted(stats.offset_table.items(), key=lambda item: item[0]):
        if mq.topic == values.t and offsets.consumer_offset >= 0:
            address = await admin.address_of_queue(mq)
            await admin.api.update_consumer_offset(address, values.d, mq, offsets.consumer_offset)
    print(f"clone group offset success. srcGroup[{values.s}], destGroup=[{values.d}], "
          f"topic[{values.t}]")  # fmt: skip


GROUP = Option("g", "groupName", "consumer group name", required=True)
CONSUMER_GROUP = Option("g", "consumerGroup", "consumer group name", required=True)
BROKER = Option("b", "brokerAddr", "broker address")
TOPIC = Option("t", "topic", "topic name", required=True)
EITHER = ("b", "c")
TIME = Option("s", "timestamp", "set the timestamp[now|currentTimeMillis|yyyy-MM-dd#HH:mm:ss:SSS]",
              True, timestamp)  # fmt: skip

CONSUMER_COMMANDS = (
    Command("consumerProgress", "Query consumers's progress, speed", consumer_progress, (
        Option("g", "groupName", "consumer group name"),
        Option("s", "showClientIP", "Show Client IP per Queue (true|false)", kind=truth))),
    Command("consumerConnection", "Query consumer's socket connection, client version and "
            "subscription", consumer_connection, (CONSUMER_GROUP, BROKER)),
    Command("producerConnection", "Query producer's socket connection and client version",
            producer_connection, (
        Option("g", "producerGroup", "producer group name", True), TOPIC)),
    Command("producer", "Query producer's instances, connection, status, etc.", producer, (
        Option("b", "broker", "broker address", True),)),
    Command("consumerStatus", "Query consumer's internal data structure", consumer_status, (
        CONSUMER_GROUP, Option("i", "clientId", "The consumer's client id"), BROKER,
        Option("s", "jstack", "Run jstack command in the consumer progress", flag=True))),
    Command("updateSubGroup", "Update or create subscription group", update_sub_group, (
        *broker_or_cluster("create subscription group to which"), GROUP,
        Option("s", "consumeEnable", "consume enable", kind=truth),
        Option("m", "consumeFromMinEnable", "from min offset", kind=truth),
        Option("d", "consumeBroadcastEnable", "broadcast", kind=truth),
        Option("q", "retryQueueNums", "retry queue nums", kind=int),
        Option("r", "retryMaxTimes", "retry max times", kind=int),
        Option("i", "brokerId", "consumer from which broker id", kind=int),
        Option("w", "whichBrokerWhenConsumeSlowly", "which broker id when consume slowly",
               kind=int),
        Option("a", "notifyConsumerIdsChanged", "notify consumerId changed", kind=truth)), EITHER),
    Command("deleteSubGroup", "Delete subscription group from broker.", delete_sub_group, (
        *broker_or_cluster("delete subscription group from which"), GROUP,
        Option("r", "removeOffset", "remove offset (true|false)", kind=truth)), EITHER),
    Command("resetOffsetByTime", "Reset consumer offset by timestamp(without client restart).",
            reset_offset_by_time, (
        Option("g", "group", "set the consumer group", True), TOPIC, TIME,
        Option("f", "force", "set the force rollback by timestamp switch[true|false]", kind=truth),
        Option("c", "cplus", "reset c++ client offset", flag=True))),
    Command("cloneGroupOffset", "clone offset from other group.", clone_group_offset, (
        Option("s", "srcGroup", "set source consumer group", True),
        Option("d", "destGroup", "set destination consumer group", True), TOPIC,
        Option("o", "offline", "the group or the topic is offline"))),
)  # fmt: skip
