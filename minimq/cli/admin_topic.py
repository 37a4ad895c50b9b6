"""Admin commands about topics and name servers.

Java:    tools.command.topic.*, tools.command.namesrv.*
"""

from __future__ import annotations

from minimq.cli.admin_command import Command, Option, Values, broker_or_cluster, truth
from minimq.cli.admin_format import human_time, pretty_json, topic_config
from minimq.client.admin.mq_admin_ext import DefaultMQAdminExt
from minimq.common.mix_all import MASTER_ID, is_dlq_topic, is_retry_topic
from minimq.errors import MiniMQError, MQClientError
from minimq.protocol.config_body import TopicConfig
from minimq.protocol.route import TopicRouteData

DEFAULT_QUEUES = 8
CLUSTER_ROW = "{:<20}  {:<64}  {:<64}"
ROUTE_ROW = "{:<45} {:<32} {:<50} {:<10} {:<11} {:<5}"
ROUTE_RULE = 158
STATUS_ROW = "{:<32}  {:<4}  {:<20}  {:<20}    {}"
TOPIC = Option("t", "topic", "topic name", required=True)


async def topic_list(admin: DefaultMQAdminExt, values: Values) -> None:
    topics = await admin.fetch_all_topic_list()
    if not values.c:
        print("\n".join(topics))
        return
    print("{:<20}  {:<48}  {:<48}".format("#Cluster Name", "#Topic", "#Consumer Group"))
    for topic in topics:
        if not (is_retry_topic(topic) or is_dlq_topic(topic)):
            await _print_topic_with_groups(admin, topic)


async def _print_topic_with_groups(admin: DefaultMQAdminExt, topic: str) -> None:
    cluster, groups = "", [""]
    try:
        cluster = (await admin.get_topic_cluster_list(topic))[0]
        groups = await admin.query_topic_consume_by_who(topic) or groups
    except (MiniMQError, IndexError):
        pass  # a topic without a living broker is listed all the same
    for group in groups:
        print(CLUSTER_ROW.format(cluster[:20], topic[:64], group[:64]))


async def topic_route(admin: DefaultMQAdminExt, values: Values) -> None:
    route = await admin.examine_topic_route_info(values.t)
    if values.l:
        _print_route_list(route)
    else:
        print(pretty_json(route.to_json()))


def _print_route_list(route: TopicRouteData) -> None:
    print(ROUTE_ROW.format("#ClusterName", "#BrokerName", "#BrokerAddrs", "#ReadQueue",
                           "#WriteQueue", "#Perm"))  # fmt: skip
    queues = {data.broker_name: data for data in route.queue_datas}
    read = write = 0
    for broker in sorted(route.broker_datas, key=lambda broker: broker.broker_name):
        data = queues[broker.broker_name]
        read, write = read + data.read_queue_nums, write + data.write_queue_nums
        pairs = (f"{key}={address}" for key, address in sorted(broker.broker_addrs.items()))
        addresses = "{" + ", ".join(pairs) + "}"
        print(ROUTE_ROW.format(broker.cluster, broker.broker_name, addresses,
                               data.read_queue_nums, data.write_queue_nums, data.perm))  # fmt: skip
    print("-" * ROUTE_RULE)
    print(ROUTE_ROW.format("Total:", len(queues), "", read, write, ""))


async def topic_status(admin: DefaultMQAdminExt, values: Values) -> None:
    stats = await admin.examine_topic_stats(values.t)
    print(STATUS_ROW.format("#Broker Name", "#QID", "#Min Offset", "#Max Offset", "#Last Updated"))
    for mq, offset in sorted(stats.offset_table.items(), key=lambda item: item[0]):
        millis = offset.last_update_timestamp
        updated = human_time(millis) if millis > 0 else ""
        print(STATUS_ROW.format(mq.broker_name[:32], mq.queue_id, offset.min_offset,
                                offset.max_offset, updated))  # fmt: skip


async def topic_cluster_list(admin: DefaultMQAdminExt, values: Values) -> None:
    for cluster in await admin.get_topic_cluster_list(values.t):
        print(cluster)


async def update_topic(admin: DefaultMQAdminExt, values: Values) -> None:
    config = TopicConfig(
        values.t,
        DEFAULT_QUEUES if values.r is None else values.r,
        DEFAULT_QUEUES if values.w is None else values.w,
        topic_sys_flag=bool(values.u) | bool(values.s) << 1,
        order=bool(values.o),
    )
    if values.p is not None:
        config.perm = values.p
    addresses = await admin.broker_addresses(values.b, values.c)
    for address in addresses:
        await admin.create_and_update_topic_config(address, config)
    lines = [f"create topic to {address} success." for address in addresses]
    if config.order:
        lines.insert(0 if values.b else len(lines), await _set_order(admin, values, config))
    print("\n".join([*lines, topic_config(config)]))


async def _set_order(admin: DefaultMQAdminExt, values: Values, config: TopicConfig) -> str:
    if values.b:
        names = [await admin.fetch_broker_name_by_addr(values.b)]
    else:
        names = [broker.broker_name for broker in await admin.cluster_brokers(values.c)]
    conf = ";".join(f"{name}:{config.write_queue_nums}" for name in names)
    await admin.create_or_update_order_conf(config.topic_name, conf, is_cluster=not values.b)
    kind = "broker" if values.b else "cluster"
    return f"set {kind} orderConf. isOrder=true, orderConf=[{conf}]"


async def update_topic_perm(admin: DefaultMQAdminExt, values: Values) -> None:
    route = await admin.examine_topic_route_info(values.t)
    perms = {data.broker_name: data.perm for data in route.queue_datas}
    masters = {broker.broker_addrs.get(MASTER_ID): broker.broker_name
               for broker in route.broker_datas}  # fmt: skip
    if not route.queue_datas or (values.b and values.b not in masters):
        raise MQClientError(f"no master of the topic is at {values.b}")
    data = route.queue_datas[0]
    config = TopicConfig(values.t, data.read_queue_nums, data.write_queue_nums, values.p)
    config.topic_sys_flag = data.topic_sys_flag
    for address in await admin.broker_addresses(values.b, values.c):
        old = perms.get(masters.get(address, ""), data.perm)
        await admin.create_and_update_topic_config(address, config)
        print(f"update topic perm from {old} to {values.p} in {address} success.")
    if values.b:
        print(f"{topic_config(config)}.")


async def delete_topic(admin: DefaultMQAdminExt, values: Values) -> None:
    await print_deletion(admin, values.c, values.t)


async def print_deletion(admin: DefaultMQAdminExt, cluster: str, topic: str) -> None:
    await admin.delete_topic(cluster, topic)
    print(f"delete topic [{topic}] from cluster [{cluster}] success.")
    print(f"delete topic [{topic}] from NameServer success.")


async def update_kv_config(admin: DefaultMQAdminExt, values: Values) -> None:
    await admin.create_and_update_kv_config(values.s, values.k, values.v)
    print("create or update kv config to namespace success.")


async def delete_kv_config(admin: DefaultMQAdminExt, values: Values) -> None:
    await admin.delete_kv_config(values.s, values.k)
    print("delete kv config from namespace success.")


async def wipe_write_perm(admin: DefaultMQAdminExt, values: Values) -> None:
    for namesrv in admin.name_server_address_list:
        count = await admin.api.wipe_write_perm_of_broker(namesrv, values.b)
        print(f"wipe write perm of broker[{values.b}] in name server[{namesrv}] OK, {count}")


async def add_write_perm(admin: DefaultMQAdminExt, values: Values) -> None:
    for namesrv in admin.name_server_address_list:
        count = await admin.api.add_write_perm_of_broker(namesrv, values.b)
        print(f"add write perm of broker[{values.b}] in name server[{namesrv}] OK, {count}")


async def get_namesrv_config(admin: DefaultMQAdminExt, values: Values) -> None:
    for namesrv in admin.name_server_address_list:
        print(f"============{namesrv}============")
        for key, value in (await admin.api.get_name_server_config(namesrv)).items():
            print(f"{key:<50}=  {value}")


async def update_namesrv_config(admin: DefaultMQAdminExt, values: Values) -> None:
    for namesrv in admin.name_server_address_list:
        await admin.api.update_name_server_config(namesrv, {values.k: values.v})
    print(f"update name server config success! {admin.name_server_address_list}")
    print(f"{values.k} : {values.v}")


BROKER_NAME = Option("b", "brokerName", "broker name", required=True)
NAMESPACE = Option("s", "namespace", "set the namespace", required=True)
KEY = Option("k", "key", "set the key name", required=True)
VALUE = Option("v", "value", "set the value", required=True)
TO = broker_or_cluster("create topic to which")

TOPIC_COMMANDS = (
    Command("updateTopic", "Update or create topic", update_topic, (
        *TO, TOPIC,
        Option("r", "readQueueNums", "set read queue nums", kind=int),
        Option("w", "writeQueueNums", "set write queue nums", kind=int),
        Option("p", "perm", "set topic's permission(2|4|6), intro[2:W 4:R; 6:RW]", kind=int),
        Option("o", "order", "set topic's order(true|false)", kind=truth),
        Option("u", "unit", "is unit topic (true|false)", kind=truth),
        Option("s", "hasUnitSub", "has unit sub (true|false)", kind=truth),
    ), one_of=("b", "c")),
    Command("deleteTopic", "Delete topic from broker and NameServer.", delete_topic, (
        TOPIC, Option("c", "clusterName", "delete topic from which cluster", required=True))),
    Command("updateTopicPerm", "Update topic perm", update_topic_perm, (
        *TO, TOPIC,
        Option("p", "perm", "set topic's permission(2|4|6), intro[2:W; 4:R; 6:RW]", True, int),
    ), one_of=("b", "c")),
    Command("topicRoute", "Examine topic route info", topic_route, (
        TOPIC, Option("l", "list", "Use list format to print data", flag=True))),
    Command("topicStatus", "Examine topic Status info", topic_status, (TOPIC,)),
    Command("topicClusterList", "get cluster info for topic", topic_cluster_list, (TOPIC,)),
    Command("topicList", "Fetch all topic list from name server", topic_list, (
        Option("c", "clusterModel", "clusterModel", flag=True),)),
    Command("updateKvConfig", "Create or update KV config.", update_kv_config, (
        NAMESPACE, KEY, VALUE)),
    Command("deleteKvConfig", "Delete KV config.", delete_kv_config, (NAMESPACE, KEY)),
    Command("wipeWritePerm", "Wipe write perm of broker in all name server you defined in the -n "
            "param", wipe_write_perm, (BROKER_NAME,)),
    Command("addWritePerm", "Add write perm of broker in all name server you defined in the -n "
            "param", add_write_perm, (BROKER_NAME,)),
    Command("getNamesrvConfig", "Get configs of name server.", get_namesrv_config),
    Command("updateNamesrvConfig", "Update configs of name server.", update_namesrv_config, (
        KEY, VALUE)),
)  # fmt: skip
