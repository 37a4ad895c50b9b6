"""What an admin command is: a name, options with mqadmin's letters, and a coroutine that prints.

Java:    tools.command.SubCommand
Differs: options are argparse's, so a mistake is one line and not a page of usage.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from minimq.cli.key_file import add_key_file
from minimq.cli.parser import Parser, addresses
from minimq.client.admin.mq_admin_ext import DefaultMQAdminExt

Values = argparse.Namespace
"""The options given, under their letters; None for those that were not."""
Run = Callable[[DefaultMQAdminExt, Values], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Option:
    letter: str
    name: str
    text: str = ""
    required: bool = False
    kind: Callable[[str], Any] = str.strip
    flag: bool = False
    """It takes no value."""


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    text: str
    run: Run
    options: tuple[Option, ...] = ()
    one_of: tuple[str, ...] = ()
    """Letters of which one must be given."""

    def parser(self) -> Parser:
        parser = Parser(prog=f"minimq admin {self.name}", description=self.text, allow_abbrev=False)
        name_servers = "Name server address list, eg: '192.168.0.1:9876;192.168.0.2:9876'"
        add = parser.add_argument
        add("-n", "--namesrvAddr", dest="n", type=addresses, help=name_servers)
        add_key_file(parser)
        choice = parser.add_mutually_exclusive_group(required=True) if self.one_of else parser
        for option in self.options:
            chosen = choice if option.letter in self.one_of else parser
            _add(chosen, option, option.letter not in self.one_of)
        return parser


def _add(parser: argparse._ActionsContainer, option: Option, may_be_required: bool) -> None:
    names = (f"-{option.letter}", f"--{option.name}")
    if option.flag:
        parser.add_argument(*names, dest=option.letter, action="store_true", help=option.text)
        return
    parser.add_argument(
        *names,
        dest=option.letter,
        type=option.kind,
        metavar="ARG",
        help=option.text,
        required=option.required and may_be_required,
    )


def truth(text: str) -> bool:
    """Java's Boolean.parseBoolean: anything but `true` is false."""
    return text.strip().lower() == "true"


def broker_or_cluster(what: str, required: bool = True) -> tuple[Option, Option]:
    """The pair -b and -c of most commands."""
    return (
        Option("b", "brokerAddr", f"{what} broker", required),
        Option("c", "clusterName", f"{what} cluster", required),
    )


def find_command(commands: Iterable[Command], name: str) -> Command | None:
    """Capitals do not matter."""
    wanted = name.lower()
    return next((command for command in commands if command.name.lower() == wanted), None)
