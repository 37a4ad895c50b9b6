"""`minimq admin <command>`: mqadmin's commands, against minimq and against RocketMQ.

Java:    tools.command.MQAdminStartup
Differs: a failure is one line on stderr and a non-zero exit code; mqadmin prints a stack trace and
         mostly exits with 0. docs/differences.md lists the commands that are missing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from minimq.cli.admin_broker import BROKER_COMMANDS
from minimq.cli.admin_command import Command, find_command
from minimq.cli.admin_consumer import CONSUMER_COMMANDS
from minimq.cli.admin_message import MESSAGE_COMMANDS
from minimq.cli.admin_topic import TOPIC_COMMANDS
from minimq.cli.key_file import hook_from
from minimq.cli.parser import EXIT_BAD_INPUT, guarded
from minimq.client.admin.mq_admin_ext import DefaultMQAdminExt
from minimq.common.file_system import MemoryFileSystem
from minimq.common.host import system_host
from minimq.remoting.transport import TcpTransport

COMMANDS: tuple[Command, ...] = (
    *TOPIC_COMMANDS,
    *CONSUMER_COMMANDS,
    *MESSAGE_COMMANDS,
    *BROKER_COMMANDS,
)


def main(argv: list[str]) -> int:
    name, *rest = argv or ["help"]
    if name in ("help", "-h", "--help"):
        if not rest:
            print(help_text())
            return 0
        name, rest = rest[0], ["--help"]
    command = find_command(COMMANDS, name)
    if command is None:
        print(f"minimq admin: The sub command {name} not exist.", file=sys.stderr)
        return EXIT_BAD_INPUT
    values = command.parser().parse_args(rest)
    return guarded(f"admin {command.name}", lambda: asyncio.run(run(command, values)))


def help_text() -> str:
    lines = [f"   {command.name:<24} {command.text}" for command in COMMANDS]
    head = "The commands of minimq admin, with mqadmin's options:"
    tail = "See 'minimq admin help <command>' for more information on a specific command."
    return "\n".join([head, *lines, "", tail])


async def run(command: Command, values: argparse.Namespace) -> int:
    host = system_host("admin", TcpTransport(), MemoryFileSystem())
    hook = hook_from(values.key_file)
    async with DefaultMQAdminExt(values.n or "", host=host, rpc_hook=hook) as admin:
        await command.run(admin, values)
    return 0
