"""Admin commands about clusters, brokers and their access rules.

Java:    tools.command.cluster.*, tools.command.broker.*, tools.command.acl.*
Differs: updateAclConfig does not print the secret.
"""

from __future__ import annotations

import asyncio

from minimq.cli.admin_command import Command, Option, Values, broker_or_cluster, truth
from minimq.cli.admin_format import plain_time
from minimq.client.admin.mq_admin_ext import DefaultMQAdminExt
from minimq.errors import MiniMQError
from minimq.protocol.headers import CreateAccessConfigRequestHeader

CLUSTER_ROW = "{:<16}  {:<22}  {:<4}  {:<22} {:<16} {:>19} {:>19} {:>10} {:>5} {:>6}"
MORE_ROW = "{:<16}  {:<32} {:>14} {:>14} {:>14} {:>14}"
ACL_ROW = "{:<16}  {:<22}  {:<22}  {:<20}  {:<22}  {:<22}"
Place = tuple[str, str, int, str]
"""Cluster, broker name, broker id, address."""
Stats = dict[str, str]


async def cluster_list(admin: DefaultMQAdminExt, values: Values) -> None:
    show = _print_more_stats if values.m else _print_base_info
    await show(admin)
    while values.i:
        await asyncio.sleep(values.i)
        await show(admin)


async def _places(admin: DefaultMQAdminExt) -> list[Place]:
    info = await admin.examine_broker_cluster_info()
    places: list[Place] = []
    for cluster, names in info.cluster_addr_table.items():
        for name in sorted(names):
            broker = info.broker_addr_table.get(name)
            if broker is not None:
                addresses = sorted(broker.broker_addrs.items())
                places += [(cluster, name, number, address) for number, address in addresses]
    return places


async def _stats(admin: DefaultMQAdminExt, address: str) -> Stats:
    """Nothing for a broker that does not answer: its row shows zeros."""
    try:
        return await admin.api.get_broker_runtime_info(address)
    except MiniMQError:
        return {}


async def _print_base_info(admin: DefaultMQAdminExt) -> None:
    print(CLUSTER_ROW.format("#Cluster Name", "#Broker Name", "#BID", "#Addr", "#Version",
                             "#InTPS(LOAD)", "#OutTPS(LOAD)", "#PCWait(ms)", "#Hour",
                             "#SPACE"))  # fmt: skip
    for cluster, name, number, address in await _places(admin):
        stats = await _stats(admin, address)
        now = admin.host.clock.now_millis()
        print(CLUSTER_ROW.format(cluster, name, number, address, *base_info(stats, now)))


def base_info(stats: Stats, now_millis: int) -> tuple[str, ...]:
    """The columns behind the address."""
    earliest = stats.get("earliestMessageTimeStamp")
    hours = (now_millis - int(earliest)) / 3_600_000 if earliest else 0.0
    return (
        stats.get("brokerVersionDesc", ""),
        _load(stats, "putTps", "send"),
        _load(stats, "getTransferedTps", "pull"),
        stats.get("pageCacheLockTimeMills", ""),
        f"{hours:.2f}",
        f"{float(stats.get('commitLogDiskRatio') or 0):.4f}",
    )


def _load(stats: Stats, tps: str, pool: str) -> str:
    """Messages per second over ten seconds, and what waits before the processor."""
    numbers = stats.get(tps, "").split()
    waiting = stats.get(f"{pool}ThreadPoolQueueSize", "")
    millis = stats.get(f"{pool}ThreadPoolQueueHeadWaitTimeMills", "")
    return f"{float(numbers[0]) if numbers else 0:9.2f}({waiting},{millis}ms)"


async def _print_more_stats(admin: DefaultMQAdminExt) -> None:
    print(MORE_ROW.format("#Cluster Name", "#Broker Name", "#InTotalYest", "#OutTotalYest",
                          "#InTotalToday", "#OutTotalToday"))  # fmt: skip
    for cluster, name, _, address in await _places(admin):
        print(MORE_ROW.format(cluster, name, *more_stats(await _stats(admin, address))))


def more_stats(stats: Stats) -> tuple[int, int, int, int]:
    """Messages in and out, yesterday and today."""

    def total(which: str) -> int:
        return int(stats.get(which) or 0)

    def between(kind: str, later: str, earlier: str) -> int:
        return total(f"msg{kind}Total{later}") - total(f"msg{kind}Total{earlier}")

    return (
        between("Put", "TodayMorning", "YesterdayMorning"),
        between("Get", "TodayMorning", "YesterdayMorning"),
        between("Put", "TodayNow", "TodayMorning"),
        between("Get", "TodayNow", "TodayMorning"),
    )


async def broker_status(admin: DefaultMQAdminExt, values: Values) -> None:
    for address in await admin.broker_addresses(values.b, values.c, slaves=True):
        stats = await admin.api.get_broker_runtime_info(address)
        before = "" if values.b else f"{address:<24} "
        for key in sorted(stats):
            print(f"{before}{key:<32}: {stats[key]}")


async def get_broker_config(admin: DefaultMQAdminExt, values: Values) -> None:
    if values.b:
        await _print_config(admin, values.b, values.b)
        return
    for broker in await admin.cluster_brokers(values.c):
        master = broker.master_addr
        for number, address in sorted(broker.broker_addrs.items()):
            slave = f"My Master: {master}=====Slave: {address}"
            await _print_config(admin, address, f"Master: {address}" if number == 0 else slave)


async def _print_config(admin: DefaultMQAdminExt, address: str, title: str) -> None:
    config = await admin.api.get_broker_config(address)
    print(f"============{title}============")
    for key, value in config.items():
        print(f"{key:<50}=  {value}")
    print()


async def update_broker_config(admin: DefaultMQAdminExt, values: Values) -> None:
    for address in await admin.broker_addresses(values.b, values.c):
        await admin.api.update_broker_config(address, {values.k: values.v})
        print(f"update broker config success, {address}")


async def clean_expired_cq(admin: DefaultMQAdminExt, values: Values) -> None:
    for address in await admin.broker_addresses(values.b, values.c):
        await admin.api.clean_expired_consume_queue(address)
    print("success")


async def clean_unused_topic(admin: DefaultMQAdminExt, values: Values) -> None:
    for address in await admin.broker_addresses(values.b, values.c):
        await admin.api.clean_unused_topic(address)
    print("success")


async def delete_expired_commit_log(admin: DefaultMQAdminExt, values: Values) -> None:
    for address in await admin.broker_addresses(values.b, values.c):
        await admin.api.delete_expired_commit_log(address)
    print("success")


# -- access rules --------------------------------------------------------------------------------


async def update_acl_config(admin: DefaultMQAdminExt, values: Values) -> None:
    header = CreateAccessConfigRequestHeader(
        access_key=values.a,
        secret_key=values.s,
        white_remote_address=values.w,
        admin=bool(values.m),
        default_topic_perm=values.i,
        default_group_perm=values.u,
        topic_perms=values.t,
        group_perms=values.g,
    )
    for address in await admin.broker_addresses(values.b, values.c, slaves=True):
        await admin.api.create_plain_access_config(address, header)
        print(f"create or update plain access config to {address} success.")
    header.secret_key = "***"
    shown = ", ".join(f"{name}={value}" for name, value in header.to_ext().items())
    print(f"PlainAccessConfig [{shown}]")


async def delete_acl_config(admin: DefaultMQAdminExt, values: Values) -> None:
    for address in await admin.broker_addresses(values.b, values.c, slaves=True):
        await admin.api.delete_access_config(address, values.a)
        print(f"delete plain access config account from {address} success.")
    print(f"account's accesskey is:{values.a}")


async def update_global_white_addr(admin: DefaultMQAdminExt, values: Values) -> None:
    for address in await admin.broker_addresses(values.b, values.c, slaves=True):
        await admin.api.update_global_white_addrs_config(address, values.g, values.p)
        print(f"update global white remote addresses to {address} success.")


async def cluster_acl_config_version(admin: DefaultMQAdminExt, values: Values) -> None:
    if values.c:
        print(ACL_ROW.format("#Cluster Name", "#Broker Name", "#Broker Addr", "#AclFilePath",
                             "#AclConfigVersionNum", "#AclLastUpdateTime"))  # fmt: skip
    for address in await admin.broker_addresses(values.b, values.c):
        info = await admin.api.get_broker_cluster_acl_info(address)
        for path, version in info.all_acl_config_data_version.items():
            print(ACL_ROW.format(info.cluster_name, info.broker_name, info.broker_addr, path,
                                 version.counter, plain_time(version.timestamp)))  # fmt: skip
    kind = "broker" if values.b else "cluster"
    print(f"get {kind}'s plain access config version success.")


KEY = Option("k", "key", "config key", required=True)
VALUE = Option("v", "value", "config value", required=True)
ACCESS_KEY = Option("a", "accessKey", "set accessKey in acl config file", required=True)
EITHER = ("b", "c")
OF = broker_or_cluster("which")

BROKER_COMMANDS = (
    Command("clusterList", "List all of clusters", cluster_list, (
        Option("m", "moreStats", "Print more stats", flag=True),
        Option("i", "interval", "specify intervals numbers, it is in seconds", kind=float))),
    Command("brokerStatus", "Fetch broker runtime status data", broker_status, OF, EITHER),
    Command("getBrokerConfig", "Get broker config by cluster or special broker!",
            get_broker_config, OF, EITHER),
    Command("updateBrokerConfig", "Update broker's config", update_broker_config,
            (*OF, KEY, VALUE), EITHER),
    Command("cleanExpiredCQ", "Clean expired ConsumeQueue on broker.", clean_expired_cq, OF,
            EITHER),
    Command("cleanUnusedTopic", "Clean unused topic on broker.", clean_unused_topic, OF, EITHER),
    Command("deleteExpiredCommitLog", "Delete expired CommitLog files",
            delete_expired_commit_log, OF, EITHER),
    Command("updateAclConfig", "Update acl config yaml file in broker", update_acl_config, (
        *OF, ACCESS_KEY,
        Option("s", "secretKey", "set secretKey in acl config file", required=True),
        Option("w", "whiteRemoteAddress", "set white ip Address for account"),
        Option("i", "defaultTopicPerm", "set default topicPerm"),
        Option("u", "defaultGroupPerm", "set default GroupPerm"),
        Option("t", "topicPerms", "set topicPerms list,eg: topicA=DENY,topicD=SUB"),
        Option("g", "groupPerms", "set groupPerms list,eg: groupD=DENY,groupD=SUB"),
        Option("m", "admin", "set admin flag", kind=truth)), EITHER),
    Command("deleteAclConfig", "Delete Acl Config Account in broker", delete_acl_config,
            (*OF, ACCESS_KEY), EITHER),
    Command("updateGlobalWhiteAddr", "Update global white address for acl Config File in broker",
            update_global_white_addr, (
        *OF, Option("g", "globalWhiteRemoteAddresses",
                    "set globalWhiteRemoteAddress list,eg: 10.10.103.*,192.168.0.*", True),
        Option("p", "aclFileFullPath", "which acl file")), EITHER),
    Command("clusterAclConfigVersion",
            "List all of acl config version information in cluster", cluster_acl_config_version,
            OF, EITHER),
)  # fmt: skip
