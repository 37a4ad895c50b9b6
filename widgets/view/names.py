"""What a thing is called on screen: C1, broker-a, a·3; and which topic a view is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from minimq.common.mix_all import SYSTEM_TOPICS

COLOURED_CONSUMERS_MAX = 6
NAMES_KEPT_MAX = 4096
_NUMBERED = {"consumer": "C", "producer": "P", "namesrv": "N"}
_NODE = re.compile(r"(consumer|producer|namesrv)-(\d+)$")
_BROKER = re.compile(r"broker-(.+)$")
_RUNS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_NUMBERS = count(1)


class Queue(NamedTuple):
    """One queue of the topic that a view shows; the order is the order of rows."""

    broker: str
    number: int


@lru_cache(NAMES_KEPT_MAX)
def label(node: str) -> str:
    """consumer-1 is C1; a broker keeps its name."""
    found = _NODE.match(node)
    return _NUMBERED[found[1]] + found[2] if found else node


@lru_cache(NAMES_KEPT_MAX)
def letter(node: str) -> str:
    """What stands inside a glyph or a link chip: broker-a is A, others as their label."""
    found = _BROKER.match(node)
    return found[1].upper() if found else label(node)


@lru_cache(NAMES_KEPT_MAX)
def queue_name(queue: Queue) -> str:
    found = _BROKER.match(queue.broker)
    return f"{found[1] if found else queue.broker}·{queue.number}"


@lru_cache(NAMES_KEPT_MAX)
def order_of(who: str) -> tuple[str, int, str]:
    """Sort C2 before C10."""
    digits = "".join(c for c in who if c.isdigit())
    return (who.rstrip("0123456789"), int(digits or 0), who)


def by_name(whos: Iterable[str]) -> list[str]:
    return sorted(whos, key=order_of)


@lru_cache(NAMES_KEPT_MAX)
def is_lesson_topic(topic: str) -> bool:
    """No topic of the system, of retries or dead letters, or with a broker's own name."""
    return not (
        topic.startswith(("%", "rmq_sys_", "RMQ_SYS_"))
        or topic in SYSTEM_TOPICS
        or topic == "DefaultCluster"
        or _BROKER.match(topic)
        or topic.endswith("REPLY_TOPIC")
    )


def place_name(topic: str, queue: Queue) -> str:
    """A queue of a topic, as the rows of a ruler and the points of a check name it."""
    return f"{topic} {queue_name(queue)}"


def run_of(cluster: Any) -> str:
    """A name for a run, so that what is about one does not light up in the picture of another."""
    return _RUNS.setdefault(cluster, str(next(_NUMBERS)))


def queue_span(queues: Iterable[Queue], everything: int = 0) -> str:
    """a·0 to a·3, b·1; "all 8" when they are everything; "-" for none."""
    ordered = sorted(set(queues))
    if not ordered:
        return "-"
    if everything and len(ordered) == everything and everything > 2:
        return f"all {everything}"
    runs: list[list[Queue]] = []
    for queue in ordered:
        last = runs[-1][-1] if runs else None
        if last and last.broker == queue.broker and last.number + 1 == queue.number:
            runs[-1].append(queue)
        else:
            runs.append([queue])
    return ", ".join(_run_name(run) for run in runs)


def _run_name(run: list[Queue]) -> str:
    if len(run) == 2:
        return f"{queue_name(run[0])}, {queue_name(run[1])}"
    if len(run) == 1:
        return queue_name(run[0])
    return f"{queue_name(run[0])} to {queue_name(run[-1])}"


def listing(names: Iterable[str]) -> str:
    """C1, C2 and C3."""
    words = list(names)
    return (
        words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
    )
