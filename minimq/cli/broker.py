"""`minimq broker`: a broker.

Java:    broker.BrokerStartup
Differs: the port for slaves follows the listening port (+ 1) as in Java, and is free with port 0.
"""

from __future__ import annotations

import argparse
from typing import Any

from minimq.cli.parser import Parser, address, addresses, guarded, number, properties

FLUSH = {"async": "ASYNC_FLUSH", "sync": "SYNC_FLUSH"}
ROLES = ("async_master", "sync_master", "slave")


def parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="minimq broker", description="A broker.")
    add = parser.add_argument
    add("--namesrv", type=addresses, metavar="A;B", help="name servers: ip:port;…")
    add("--name", default="broker-a", help="brokerName (default broker-a)")
    add("--id", type=number(int, 0, "a whole number"), help="0: master, above: slave")
    add("--cluster", help="brokerClusterName (default DefaultCluster)")
    add("--listen", type=address, default="127.0.0.1:10911", metavar="IP:PORT",
        help="port 0 takes a free pair (default 127.0.0.1:10911)")  # fmt: skip
    add("--store", metavar="DIR", help="folder of its files; without one everything is in memory")
    add("--flush", choices=FLUSH, help="when a send is answered: at once, or when it is on disk")
    add("--role", choices=ROLES, type=str.lower, help="async_master, sync_master or slave")
    add("--set", action="append", default=[], metavar="KEY=VALUE",
        help="a setting by RocketMQ's name, e.g. maxMessageSize=65536; repeatable")  # fmt: skip
    add("--verbose", action="store_true", help="details on stderr too")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    options = parse(argv)
    return guarded("broker", lambda: run(options))


def given_broker(options: argparse.Namespace) -> dict[str, Any]:
    given = {"listen": options.listen, "broker_name": options.name}
    if options.namesrv:
        given["namesrv_addr"] = options.namesrv
    if options.cluster:
        given["broker_cluster_name"] = options.cluster
    if options.id is not None:
        given["broker_id"] = options.id
    return given


def store_properties(options: argparse.Namespace) -> dict[str, str]:
    """What the flags and the port say of the store; --set goes before."""
    port = int(options.listen.rpartition(":")[2])
    found = {"haListenPort": str(port + 1 if port else 0)}
    if options.flush:
        found["flushDiskType"] = FLUSH[options.flush]
    if options.role:
        found["brokerRole"] = options.role.upper()
    return found


def run(options: argparse.Namespace) -> int:
    from minimq.broker.broker_config import BROKER_SETTINGS_PATH, LIVE_SETTINGS, BrokerConfig
    from minimq.broker.broker_controller import BrokerController
    from minimq.cli.serve import serve, server_host
    from minimq.common.kept_settings import kept_settings
    from minimq.common.settings import configs_from_properties
    from minimq.common.spin import run_spinning
    from minimq.store.store_config import MessageStoreConfig

    classes = {BrokerConfig: given_broker(options), MessageStoreConfig: {}}
    settings = store_properties(options) | properties(options.set)

    async def start() -> int:
        host = server_host(options.name, options.store, options.verbose)
        kept = kept_settings(host.file_system, BROKER_SETTINGS_PATH, LIVE_SETTINGS)
        config, store_config = configs_from_properties(classes, kept | settings)
        controller = BrokerController(host, config, store_config)
        return await serve("broker", options.name, options.listen, host, controller)

    return run_spinning(start())
