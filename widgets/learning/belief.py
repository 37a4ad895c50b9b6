"""What notebook 01 reads off a run: who noticed a death when, what was asked, what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from minimq.protocol.request_code import RequestCode
from minimq.telemetry.event import Event
from widgets.learning.judging import in_order
from widgets.view.names import is_lesson_topic

STOPS = ("node.ending", "node.exited", "node.paused", "link.cut")
"""From the first of these on nobody hears of a broker; the end of a process is told late."""
BACK = ("node.ready", "node.resumed", "link.healed")
ANSWER_FLAG = 1


def requests_of(cluster: Any, process: str) -> dict[str, int]:
    """How often a process was asked what, by RocketMQ's names."""
    codes = Counter(
        int(event.fields["code"] or 0)
        for event in cluster.events
        if event.process == process
        and event.name == "remoting.frame.received"
        and not int(event.fields["flag"] or 0) & ANSWER_FLAG
    )
    return {RequestCode(code).name: count for code, count in codes.most_common()}


def noticed_after(events: Iterable[Event], broker: str, by: str) -> float | None:
    """Seconds from the newest stop of a broker until a process believes it gone; None: not yet."""
    stopped, found = None, None
    down = False
    for event in in_order(events):
        if event.name in BACK and _is_about(event, broker):
            down = False
        elif event.name in STOPS and _is_about(event, broker) and not down:
            stopped, found, down = event.at_micros, None, True
        elif stopped is not None and found is None and _drops(event, broker, by):
            found = (event.at_micros - stopped) / 1e6
    return found


def _is_about(event: Event, broker: str) -> bool:
    return broker in (event.fields["node"], event.fields.get("peer"))


def _drops(event: Event, broker: str, by: str) -> bool:
    if event.process != by:
        return False
    if event.name == "namesrv.broker.removed":
        return bool(event.fields["broker_name"] == broker)
    if event.name == "client.route.changed" and is_lesson_topic(str(event.fields["topic"])):
        return f"{broker}:" not in str(event.fields["brokers"])
    return False


def knows(cluster: Any, process: str, broker: str) -> bool:
    """Whether a process believes that this broker is up."""
    belief = False
    for event in in_order(cluster.events):
        if event.process != process:
            continue
        if event.name == "namesrv.broker.registered" and event.fields["broker_name"] == broker:
            belief = True
        elif event.name == "client.route.changed" and is_lesson_topic(str(event.fields["topic"])):
            belief = f"{broker}:" in str(event.fields["brokers"])
        elif _drops(event, broker, process):
            belief = False
    return belief


def sends(events: Sequence[Event]) -> dict[str, int]:
    """Messages that were stored, attempts that failed, messages that were given up."""
    failed = [e for e in events if e.name == "producer.send.failed"]
    stored = {e.fields["uniq_key"] for e in events if e.name == "producer.send.complete"}
    return {
        "stored": len(stored),
        "attempts that failed": len(failed),
        "given up": len({e.fields["uniq_key"] for e in failed} - stored),
    }
