"""The learner's calls as data: what to ask the director, what comes back, which line it is.

One list for buttons and cells, live and simulated: `cluster.kill(c1)` and
`cluster.submit("kill", c1)` are the same call.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from minimq.cluster.listener import DILL, dump
from minimq.cluster.node import Role
from minimq.common.pace import MAX_PACE, MIN_PACE
from minimq.errors import ClusterError
from minimq.remoting.link_table import DIRECTIONS

RATE_MAX = 100_000.0
QUEUES_MAX = 1_024
RECORD_BYTES_MAX = 64 * 1024
"""Of one record, for a view: more is no picture."""

NODE_ANSWERS_SECONDS = 10.0
START_SECONDS = 20.0

Listener = Callable[..., Any]


class Sent(NamedTuple):
    """What a producer process says of one message; Java: SendResult."""

    status: str
    msg_id: str
    topic: str
    broker_name: str
    queue_id: int
    queue_offset: int
    offset_msg_id: str = ""


@dataclass(frozen=True)
class Call:
    """`line` is told as a `cluster.action` event; `returns` says what the answer becomes."""

    op: str
    args: dict[str, Any] = field(default_factory=dict)
    line: str = ""
    returns: str = "nothing"
    patience_seconds: float = NODE_ANSWERS_SECONDS


def create_topic(topic: str, queues: int = 4, **more: Any) -> Call:
    if not 1 <= queues <= QUEUES_MAX:
        raise ClusterError(f"a topic has 1 to {QUEUES_MAX} queues per broker, not {queues}")
    line = _line("create_topic", topic, queues=queues, **more)
    args = {"topic": topic, "queues": queues, **more}
    return Call("create_topic", args, line, patience_seconds=START_SECONDS)


def add_producer(
    topic: str,
    rate: float = 0,
    *,
    group: str = "",
    tags: str = "",
    body: str = "",
    settings: dict[str, Any] | None = None,
) -> Call:
    """`rate` messages per second, 0: only those sent by hand. `settings`: the producer's fields."""
    options = {
        "topic": topic,
        "rate": checked_rate(rate),
        "group": group or f"{topic}-producers",
        "tags": tags,
        "body": body,
        "client": settings or {},
    }
    more = _given(group=group, tags=tags, body=body, settings=settings)
    line = _line("add_producer", topic, **({"rate": rate} if rate else {}), **more)
    args = {"role": Role.PRODUCER.value, "options": options}
    return Call("add", args, line, "node", START_SECONDS)


def add_consumer(
    topic: str,
    group: str = "consumers",
    listener: Listener | None = None,
    work_millis: float = 0,
    *,
    expression: str = "*",
    strategy: str | Callable[..., Any] = "",
    orderly: bool = False,
    settings: dict[str, Any] | None = None,
) -> Call:
    """Without a listener messages are counted and acknowledged. `settings`: consumer's fields.

    `strategy`: "AVG" (the default), "AVG_BY_CIRCLE", "CONSISTENT_HASH", or a function
    (group, client_id, queues, client_ids) of a cell that returns the consumer's share.
    `orderly`: each queue's messages one after the other, under a lock at the broker.
    """
    options = {
        "topic": topic,
        "group": group,
        "work_millis": checked_work(work_millis),
        "expression": expression,
        "orderly": orderly,
        "client": settings or {},
    }
    more = _given(work_millis=work_millis, orderly=orderly, settings=settings)
    if listener is not None:
        more["listener"] = _Name(getattr(listener, "__name__", "listener"))
    if expression != "*":
        more["expression"] = expression
    if strategy:
        options["strategy"] = strategy if isinstance(strategy, str) else DILL + dump(strategy)
        name = getattr(strategy, "__name__", "")
        more["strategy"] = _Name(name) if name else strategy
    args: dict[str, Any] = {"role": Role.CONSUMER.value, "options": options}
    if listener is not None:
        args["listener"] = dump(listener)
    return Call(
        "add", args, _line("add_consumer", topic, group=group, **more), "node", START_SECONDS
    )


def send(
    topic: str,
    body: str | bytes = "",
    *,
    tags: str = "",
    keys: str = "",
    node: str = "",
) -> Call:
    """Through one producer process; without `node` the first that runs."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    args = {"topic": topic, "body": text, "tags": tags, "keys": keys}
    line = _line("send", topic, text, **_given(tags=tags, keys=keys, node=node))
    return Call("node", {"node": str(node), "op": "send", "args": args}, line, "sent")


def kill(node: str) -> Call:
    return _on_node("kill", node)


def terminate(node: str) -> Call:
    return _on_node("terminate", node)


def pause(node: str) -> Call:
    return _on_node("pause", node)


def resume(node: str) -> Call:
    return _on_node("resume", node)


def restart(node: str) -> Call:
    return _on_node("restart", node)


def remove(node: str) -> Call:
    return _on_node("remove", node)


def power_cut(node: str) -> Call:
    return _on_node("power_cut", node)


def cut(node: str, peer: str, direction: str = "both") -> Call:
    """`direction` as `node` sees it: out, in or both."""
    if direction not in DIRECTIONS:
        raise ClusterError(f"direction is one of {', '.join(DIRECTIONS)}, not {direction!r}")
    line = _line("cut", str(node), str(peer), **_given(direction=direction * (direction != "both")))
    return Call("cut", {"node": str(node), "peer": str(peer), "direction": direction}, line)


def heal(node: str | None = None, peer: str | None = None) -> Call:
    ends = [str(end) for end in (node, peer) if end is not None]
    args = dict(zip(("node", "peer"), ends, strict=False))
    return Call("heal", args, _line("heal", *ends))


def set_pace(factor: float) -> Call:
    if not MIN_PACE <= factor <= MAX_PACE:
        raise ClusterError(f"pace is between {MIN_PACE:g} and {MAX_PACE:g}, not {factor!r}")
    return Call("pace", {"factor": float(factor)}, f"cluster.pace = {factor:g}")


def set_rate(node: str, rate: float, topic: str = "") -> Call:
    args = {"rate": checked_rate(rate)}
    return _to_node("set_rate", node, args, _line("set_rate", str(node), rate))


def set_work_millis(node: str, work_millis: float) -> Call:
    args = {"work_millis": checked_work(work_millis)}
    return _to_node("set_work_millis", node, args, _line("set_work_millis", str(node), work_millis))


def set_knob(node: str, name: str, value: Any) -> Call:
    args = {"name": name, "value": value}
    return _to_node("set_knob", node, args, _line("set_knob", str(node), name, value))


def snapshot(node: str) -> Call:
    return Call("snapshot", {"node": str(node)}, returns="value", patience_seconds=0.05)


def record_bytes(node: str, place: int, size: int) -> Call:
    if place < 0 or not 0 < size <= RECORD_BYTES_MAX:
        raise ClusterError(
            f"a record begins at 0 or later and has 1 to {RECORD_BYTES_MAX} bytes, "
            f"not {size} at {place}"
        )
    args = {"place": place, "size": size}
    asked = {"node": str(node), "op": "record_bytes", "args": args}
    return Call("node", asked, returns="bytes")


def listening(on: bool, frames: bool) -> Call:
    return Call("listening", {"on": on, "frames": frames})


def reset() -> Call:
    return Call("reset", {}, "cluster.reset()", patience_seconds=START_SECONDS)


def close() -> Call:
    return Call("close", {}, "cluster.close()")


# verb → the function above; what `submit` accepts
VERBS: dict[str, Callable[..., Call]] = {
    verb.__name__: verb
    for verb in (
        create_topic, add_producer, add_consumer, send, kill, terminate, pause, resume, restart,
        remove, power_cut, cut, heal, set_pace, set_rate, set_work_millis, set_knob, snapshot,
        record_bytes, reset,
    )
}  # fmt: skip


def checked_rate(rate: float) -> float:
    if not 0 <= rate <= RATE_MAX:
        raise ClusterError(
            f"a rate is between 0 and {RATE_MAX:g} messages per second, not {rate!r}"
        )
    return float(rate)


def checked_work(work_millis: float) -> float:
    if not 0 <= work_millis <= 3_600_000:
        raise ClusterError(f"work_millis is between 0 and an hour, not {work_millis!r}")
    return float(work_millis)


class _Name(str):
    """Shown without quotes: a variable of the learner's."""

    def __repr__(self) -> str:
        return str(self)


def _on_node(op: str, node: str) -> Call:
    return Call(op, {"node": str(node)}, _line(op, str(node)))


def _to_node(op: str, node: str, args: dict[str, Any], line: str) -> Call:
    return Call("node", {"node": str(node), "op": op, "args": args}, line)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _line(verb: str, *args: Any, **more: Any) -> str:
    parts = [_shown(arg) for arg in args]
    parts += [f"{name}={_shown(value)}" for name, value in more.items()]
    return f"cluster.{verb}({', '.join(parts)})"


def _shown(value: Any) -> str:
    """As a learner writes it: text in double quotes, a function by its name."""
    if isinstance(value, str) and not isinstance(value, _Name):
        return json.dumps(str(value), ensure_ascii=False)
    return repr(value)
