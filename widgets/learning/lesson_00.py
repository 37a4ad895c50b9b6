"""Exercises of notebook 00: who is who for the OS, one message's passport, who gets how many."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from minimq.telemetry.event import Event
from widgets.learning.exercise import Exercise, Given, NothingToJudgeError, Property
from widgets.learning.judging import Breach, Line
from widgets.view.names import Queue, is_lesson_topic, label, listing, queue_name

_QUEUE = re.compile(r"(?:broker-)?(\w+)[·.:-](\d+)")


# -- which process is which -----
@dataclass(frozen=True, slots=True)
class Process:
    """One process as the cluster announced it and as the OS knows it (None: no OS to ask)."""

    name: str
    pid: int
    port: int | None
    lives: bool | None = None
    ports: frozenset[int] | None = None


def processes_of(events: Iterable[Event]) -> dict[str, Process]:
    """The processes that serve now, by name."""
    found: dict[str, Process] = {}
    for event in events:
        if event.name == "node.ready":
            name, pid = str(event.fields["node"]), int(event.fields["pid"] or 0)
            found[name] = Process(name, pid, port_of(str(event.fields["address"] or "")))
        elif event.name in ("node.exited", "node.removed"):
            found.pop(str(event.fields["node"]), None)
    return found


def port_of(address: str) -> int | None:
    digits = address.rpartition(":")[2]
    return int(digits) if digits.isdigit() else None


def ask_os(process: Process) -> Process:
    """Whether this pid lives, and on which ports it listens; where the OS tells it (Linux)."""
    folder = Path(f"/proc/{process.pid}/fd")
    try:
        links = [os.readlink(link) for link in folder.iterdir()]
    except OSError:
        return process
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    ports = frozenset(listening_ports(inodes))
    return Process(process.name, process.pid, process.port, True, ports)


def listening_ports(inodes: set[str], table: str = "/proc/net/tcp") -> Iterator[int]:
    """The TCP ports on which one of these sockets listens (state 0A)."""
    for line in Path(table).read_text(encoding="utf-8").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            yield int(fields[1].rpartition(":")[2], 16)


def _roles_case(random: Random, given: Given) -> Iterator[dict[str, Process]]:
    processes = processes_of(given.events)
    if not processes:
        raise NothingToJudgeError("no process is ready yet.")
    simulated = bool(given.options.get("simulated"))
    yield {n: p if simulated else ask_os(p) for n, p in processes.items()}


def _named(case: dict[str, Process], answer: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The answer by process name; C1 is consumer-1, one number alone is a pid without a port."""
    labels = {label(name): name for name in case}
    made: dict[str, tuple[Any, Any]] = {}
    for who, value in answer.items():
        pid, port = value if isinstance(value, tuple | list) else (value, None)
        made[labels.get(str(who), str(who))] = (pid, port or None)
    return made


def _perform_roles(answer: Any, case: dict[str, Process]) -> dict[str, tuple[Any, Any]]:
    if not isinstance(answer, Mapping):
        raise TypeError('write {"broker-a": (pid, port), "consumer-1": (pid, None), …}')
    return _named(case, answer)


def _all_named(case: dict[str, Process], outcome: Mapping[str, Any]) -> str | None:
    missing, strange = sorted(set(case) - set(outcome)), sorted(set(outcome) - set(case))
    if missing:
        return f"{listing(missing)} missing"
    return f"there is no {listing(strange)}" if strange else None


def _role_lines(case: dict[str, Process], name: str, answer: tuple[Any, Any]) -> list[Line]:
    known = case[name]
    port = known.port if known.ports is None else ", ".join(map(str, sorted(known.ports))) or None
    return [
        Line("the OS", label(name), f"{name}: pid {known.pid}, listens on {port or 'no port'}"),
        Line("you", label(name), f"{name}: pid {answer[0]}, port {answer[1] or 'none'}"),
    ]


def _pid_right(case: dict[str, Process], outcome: Mapping[str, Any]) -> Breach | None:
    for name, answer in outcome.items():
        if name in case and answer[0] != case[name].pid:
            owner = next(
                (p.name for p in case.values() if p.pid == answer[0]), "no process of ours"
            )
            return Breach([], 1, f"that pid is {owner}", _role_lines(case, name, answer))
    return None


def _port_right(case: dict[str, Process], outcome: Mapping[str, Any]) -> Breach | None:
    for name, (pid, port) in outcome.items():
        process = case.get(name)
        if process is None or port == process.port:
            continue
        if process.port is None:
            note = "it connects, it does not listen"
        elif process.ports is not None and port in process.ports:
            continue
        else:
            note = "nothing of it listens there"
        return Breach([], 1, note, _role_lines(case, name, (pid, port)))
    return None


def _reveal_roles(case: dict[str, Process]) -> dict[str, tuple[int, int | None]]:
    return {name: (process.pid, process.port) for name, process in case.items()}


ROLES = Exercise(
    "nb00.roles",
    "which process is which",
    "Write for each process its pid, and the port on which it listens (None if it does not): "
    '{"namesrv-1": (pid, port), "consumer-1": (pid, None), …}.',
    (
        Property("every process of the cluster is named.", _all_named),
        Property("each pid is that of the named process.", _pid_right),
        Property("each port is one on which that process listens.", _port_right),
    ),
    _roles_case,
    _perform_roles,
    reveal=_reveal_roles,
    hints=(
        "The cards of the map show the pid of every process.",
        "In a terminal, `ss -ltnp` lists who listens where.",
        "Producers and consumers open connections to others. They do not listen.",
    ),
    why="Five processes, five pids: one can end while the others go on.",
)


# -- one message's passport -----
@dataclass(frozen=True, slots=True)
class Stored:
    """Where the first copy of a message lies."""

    queue: Queue
    queue_offset: int
    log_byte: int
    event: Event


def first_copy(events: Iterable[Event], uniq_key: str | None) -> Stored:
    """The first record of this message, or of the first lesson message if none is named."""
    for event in events:
        if event.name != "store.message.appended" or not is_lesson_topic(
            str(event.fields["topic"])
        ):
            continue
        if uniq_key is None or event.fields["uniq_key"] == uniq_key:
            fields = event.fields
            queue = Queue(event.process, int(fields["queue_id"] or 0))
            offset, byte = int(fields["queue_offset"] or 0), int(fields["commit_log_offset"] or 0)
            return Stored(queue, offset, byte, event)
    raise NothingToJudgeError("no such message is in the recorded run.")


def _passport_case(random: Random, given: Given) -> Iterator[Stored]:
    yield first_copy(given.events, given.options.get("uniq_key"))


def _perform_passport(answer: Any, case: Stored) -> tuple[Queue, int, int]:
    try:
        queue, number, byte = answer
    except (TypeError, ValueError):
        raise TypeError('write ("a·0", number, byte)') from None
    if not isinstance(number, int) or not isinstance(byte, int):
        raise TypeError("number and byte are whole numbers")
    return as_queue(queue), number, byte


def as_queue(answer: Any) -> Queue:
    """a·0, a.0 or ("broker-a", 0)."""
    if isinstance(answer, tuple) and len(answer) == 2:
        return Queue(str(answer[0]), int(answer[1]))
    found = _QUEUE.fullmatch(str(answer))
    if not found:
        raise TypeError(f"{answer!r} is no queue: write a·0 or a.0")
    return Queue(f"broker-{found[1]}", int(found[2]))


def _stored(case: Stored, note: str) -> Breach:
    return Breach([case.event], 0, note)


PASSPORT = Exercise(
    "nb00.passport",
    "read a passport",
    'Read three things off the card: queue, number in the queue, byte in the log: ("a·0", 0, 0).',
    (
        Property(
            "the queue is the one that the producer chose.",
            lambda case, got: (
                None if got[0] == case.queue else _stored(case, f"you wrote {queue_name(got[0])}")
            ),
        ),
        Property(
            "the number counts the messages before it in its own queue.",
            lambda case, got: (
                None if got[1] == case.queue_offset else _stored(case, f"you wrote #{got[1]}")
            ),
        ),
        Property(
            "the byte is where its record begins in the log of all queues.",
            lambda case, got: (
                None if got[2] == case.log_byte else _stored(case, f"you wrote {got[2]}")
            ),
        ),
    ),
    _passport_case,
    _perform_passport,
    reveal=lambda case: (queue_name(case.queue), case.queue_offset, case.log_byte),
    hints=(
        "The stations read from left to right: queue chosen, stored, indexed.",
        "The log byte stands under *stored*, the number after # under *indexed*.",
    ),
    why="The number is per queue, the byte is per log: one log holds all queues of a broker.",
)


# -- who gets how many -----
@dataclass(frozen=True, slots=True)
class Share:
    """How many messages each consumer was handed, and which of them live."""

    sent: int
    got: Mapping[str, int]
    living: frozenset[str]


def share_of(events: Iterable[Event]) -> Share:
    sent, got = 0, Counter[str]()
    living: set[str] = set()
    for event in events:
        if event.name == "client.started" and event.process.startswith("consumer"):
            living.add(event.process)
        elif event.name in ("node.exited", "client.stopped"):
            living.discard(str(event.fields.get("node") or event.process))
        elif not is_lesson_topic(str(event.fields.get("topic") or "%")):
            continue
        elif event.name == "producer.send.complete":
            sent += 1
        elif event.name == "consumer.listener.started":
            got[event.process] += int(event.fields["count"] or 1)
    return Share(sent, got, frozenset(living))


def _forecast_case(random: Random, given: Given) -> Iterator[Share]:
    since = int(given.options.get("since") or 0)
    share = share_of(given.events)
    if since:
        later = share_of(e for e in given.events if e.at_micros >= since)
        share = Share(later.sent, later.got, share.living)
    if not share.sent:
        raise NothingToJudgeError("nothing was sent yet.")
    yield share


def _perform_forecast(answer: Any, case: Share) -> dict[str, int]:
    if not isinstance(answer, Mapping):
        raise TypeError('write {"consumer-1": 10, …}')
    numbered = {f"C{name.rpartition('-')[2]}": name for name in (*case.got, *case.living)}
    made = {numbered.get(str(who), str(who)): int(many) for who, many in answer.items()}
    return {who: many for who, many in made.items() if many}


def _forecast_lines(case: Share, outcome: Any) -> list[Line]:
    names = sorted({*case.got, *(outcome or {})})
    got = [Line("it was", label(n), f"{label(n)} got {case.got.get(n, 0)}") for n in names]
    said = ", ".join(f"{label(n)}: {many}" for n, many in (outcome or {}).items())
    return [*got, Line("you said", "", said or "nobody gets any")]


def _adds_up(case: Share, outcome: Mapping[str, int]) -> str | None:
    total = sum(outcome.values())
    return None if total == case.sent else f"{total} of {case.sent} messages"


def _living_only(case: Share, outcome: Mapping[str, int]) -> str | None:
    dead = [name for name in outcome if name not in case.living]
    return f"{listing(map(label, dead))} had ended" if dead else None


def _as_it_was(case: Share, outcome: Mapping[str, int]) -> str | None:
    got = {name: many for name, many in case.got.items() if many}
    return None if got == dict(outcome) else "another share"


FORECAST = Exercise(
    "nb00.forecast",
    "who gets how many",
    'Before you send: how many will each consumer get? {"consumer-1": 5, "consumer-2": 5}.',
    (
        Property("the shares add up to what was sent.", _adds_up),
        Property("a consumer that has ended gets nothing.", _living_only),
        Property("each consumer gets what you said.", _as_it_was),
    ),
    _forecast_case,
    _perform_forecast,
    _forecast_lines,
    reveal=lambda case: dict(case.got),
    hints=(
        "In a group each message goes to one member.",
        "A queue has one owner at a time, and the producer goes round the queues in turn.",
        "When a member ends, the others take over its queues.",
    ),
    why="The group shares the queues, and the queues share the messages.",
)
EXERCISES = (ROLES, PASSPORT, FORECAST)
