"""`minimq namesrv`: a name server.

Java:    namesrv.NamesrvStartup
"""

from __future__ import annotations

import argparse
import asyncio

from minimq.cli.parser import Parser, address, guarded, properties


def parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="minimq namesrv", description="A name server.")
    parser.add_argument("--listen", type=address, default="127.0.0.1:9876", metavar="IP:PORT",
                        help="port 0 takes a free one (default 127.0.0.1:9876)")  # fmt: skip
    parser.add_argument("--name", default="namesrv-1", help="how it calls itself in its events")
    parser.add_argument("--store", metavar="DIR", help="folder of its KV settings; else in memory")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="a setting by RocketMQ's name, e.g. orderMessageEnable")  # fmt: skip
    parser.add_argument("--verbose", action="store_true", help="details on stderr too")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    options = parse(argv)
    return guarded("namesrv", lambda: run(options))


def run(options: argparse.Namespace) -> int:
    from minimq.cli.serve import serve, server_host
    from minimq.common.kept_settings import kept_settings
    from minimq.namesrv.namesrv_config import NamesrvConfig
    from minimq.namesrv.namesrv_controller import LIVE_SETTINGS, NamesrvController

    given = properties(options.set)
    path = NamesrvConfig.from_properties(given).config_store_path

    async def start() -> int:
        host = server_host(options.name, options.store, options.verbose)
        kept = kept_settings(host.file_system, path, LIVE_SETTINGS)
        config = NamesrvConfig.from_properties(kept | given, listen=options.listen)
        controller = NamesrvController(host, config)
        return await serve("namesrv", options.name, options.listen, host, controller)

    return asyncio.run(start())
