"""The command line: `minimq COMMAND …`; each command's code is imported when it is asked for.

Java:    namesrv.NamesrvStartup, broker.BrokerStartup, tools.command.MQAdminStartup
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

from minimq.cluster.lean import begin_server

# command -> (module with main(argv), what it does)
COMMANDS = {
    "namesrv": ("minimq.cli.namesrv", "a name server"),
    "broker": ("minimq.cli.broker", "a broker"),
    "up": ("minimq.cli.up", "a whole local cluster, until Ctrl-C"),
    "send": ("minimq.cli.send", "send messages, one JSON line per result"),
    "consume": ("minimq.cli.consume", "a push consumer, one JSON line per message"),
    "pull": ("minimq.cli.pull", "the same with a pull consumer"),
    "admin": ("minimq.cli.admin", "mqadmin's commands"),
    "lab": ("minimq.lab", "JupyterLab on the lessons"),
    "check": ("minimq.cli.check", "is this machine ready for the lessons?"),
    "bench": ("minimq.bench", "the benchmarks, one table"),
}

SERVERS = ("namesrv", "broker")


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"minimq {version()}")
        return 0
    command = COMMANDS.get(arguments[0])
    if command is None or find_spec(command[0]) is None:
        print(f"minimq: unknown command {arguments[0]!r}; try minimq --help", file=sys.stderr)
        return 2
    if arguments[0] in SERVERS:
        begin_server()
    status: int = import_module(command[0]).main(arguments[1:])
    return status


def usage() -> str:
    lines = ["usage: minimq COMMAND …     (minimq COMMAND --help tells its options)", ""]
    for name, (module, what) in COMMANDS.items():
        if find_spec(module) is not None:
            lines.append(f"  {name:<8} {what}")
    return "\n".join(lines)


def version() -> str:
    from importlib.metadata import version as installed

    return installed("minimq")


if __name__ == "__main__":
    sys.exit(main())
