"""Command lines that fail in one clear line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

from minimq.errors import ConfigError, MiniMQError
from minimq.remoting.transport import split_address

T = TypeVar("T")
EXIT_BAD_INPUT = 2
EXIT_FAILED = 1


class Parser(argparse.ArgumentParser):
    """argparse without the usage in front of every mistake."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)


def address(text: str) -> str:
    """ "ip:port"; for argparse's `type`."""
    try:
        ip, port = split_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return f"{ip}:{port}"


def addresses(text: str) -> str:
    """ "ip:port;ip:port"."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if not parts:
        raise argparse.ArgumentTypeError("an address is ip:port, several with ';' between")
    return ";".join(address(part) for part in parts)


def number(kind: Callable[[str], T], least: float, what: str) -> Callable[[str], T]:
    """A number of this kind, not below `least`."""

    def read(text: str) -> T:
        try:
            value = kind(text)
            good = float(text) >= least
        except ValueError:
            good = False
        if not good:
            raise argparse.ArgumentTypeError(f"{what} of {least:g} or more, got {text!r}")
        return value

    return read


count = number(int, 1, "a whole number")
positive = number(float, 0, "a number")


def properties(settings: list[str]) -> dict[str, str]:
    """`key=value` texts of --set; ConfigError for one without `=`."""
    found: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--set wants key=value, got {setting!r}")
        found[name.strip()] = value
    return found


def complain(prog: str, error: Exception) -> int:
    """One line on stderr; the exit code that goes with it."""
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"minimq {prog}: {text}", file=sys.stderr)
    return EXIT_BAD_INPUT if isinstance(error, ConfigError) else EXIT_FAILED


def guarded(prog: str, run: Callable[[], int]) -> int:
    """Our own exceptions end a command with one line, not with a traceback."""
    try:
        return run()
    except (MiniMQError, OSError) as error:
        return complain(prog, error)
    except KeyboardInterrupt:
        return 0
