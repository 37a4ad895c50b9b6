"""What happened, in plain words, newest first: a fold over events that a learner should read.

Lines of one process within a moment are one line: "C3 takes b·2, b·3".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from minimq.telemetry.event import Event
from widgets.view import numbers
from widgets.view.names import Queue, is_lesson_topic, label, letter, queue_span
from widgets.view.parts import Block, Parts, block, bold_parts, plain_text

LINES_MAX = 500
SHOWN = 12
MERGE_MICROS = 20_000
MERGE_LOOK_BACK = 8
REPORTS_MERGE_MICROS = 2_000_000
OFTEN_MICROS = 10_000_000
OFTEN = ("producer.send.failed", "consumer.pull.failed", "client.route.failed")
"""Words that may come with each message: repeated within so long they are one line."""

WORDS: dict[str, str] = {
    "cluster.ready": "cluster ready in {millis_text}",
    "cluster.reset": "**reset**: everything was ended, its data removed",
    "cluster.closed": "cluster closed",
    "cluster.pace": "timers run ×{factor}",
    "node.starting": "{node} starting",
    "node.ready": "{node} **ready**: pid {pid}",
    "node.failed": "{node} **could not start**: {error}",
    "node.paused": "{node} **SIGSTOP**: frozen, its sockets stay open",
    "node.resumed": "{node} **SIGCONT**: it goes on",
    "node.exited": "{node} **gone**{signal_text}",
    "node.removed": "{node} removed",
    "link.cut": "link {node} to {peer} **cut** ({direction})",
    "link.healed": "link {node} to {peer} mended",
    "rebalance.queue.added": "{who} takes {queues}",
    "rebalance.queue.dropped": "{who} drops {queues}",
    "rebalance.skipped": "{who} keeps its share: {why}",
    "broker.consumer.joined": "{observers} list{s} {client}",
    "broker.consumer.left": "{observers} drop{s} **{client}**: {cause_text}",
    "namesrv.broker.registered": "{who} knows {broker_name}",
    "namesrv.broker.removed": "{who} drops **{broker_name}**: {cause_text}",
    "client.route.failed": "{who} gets no route of {topic}",
    "client.broker.forgotten": "{who} forgets {broker_name}",
    "broker.topic.created": "{who} has topic {topic}: {write_queues} queues",
    "producer.rate": "{who} sends {per_second} /s",
    "producer.send.failed": "{who}: a send to {broker_name} failed{final_text}",
    "consumer.listener.raised": "{who}: the listener raised {error}",
    "consumer.listener.returned_none": "{who}: the listener returned nothing, taken as later",
    "consumer.listener.reported": "{who} reports {value}{times_text}",
    "consumer.listener.printed": "{who} prints {text}",
    "consumer.message.sent_back": "{who} gives a message back ({via})",
    "service.crashed": "{who}: a service **crashed**: {error}",
    "store.not.writeable": "{who} refuses writes: {cause}",
    "store.recovered": "{who} read its store again: {records} records",
    "cluster.events.lost": "{count} detail events of {node} were lost",
}
CAUSES = {"channel": "socket closed", "expired": "no sign of life", "unregister": "it signed off"}
KINDS = {
    "processes": ("cluster", "node", "link"),
    "rebalance": ("rebalance", "broker.consumer"),
    "routes": ("namesrv", "client", "broker.topic"),
    "messages": ("producer", "consumer", "store", "service"),
}


@dataclass(slots=True)
class Line:
    """One line of the log."""

    at_micros: int
    name: str
    process: str
    fields: dict[str, Any]
    queues: list[Queue] = field(default_factory=list)
    observers: list[str] = field(default_factory=list)
    times: int = 1
    """So often within a while; the first time is its instant."""

    @property
    def kind(self) -> str:
        return next((k for k, heads in KINDS.items() if self.name.startswith(heads)), "other")

    def parts(self) -> Parts:
        return bold_parts(WORDS[self.name].format(**self._values()))

    def text(self) -> str:
        return plain_text(self.parts())

    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = {**self.fields, "who": label(self.process)}
        for key in ("node", "peer"):
            if key in values:
                values[key] = label(str(values[key]))
        values["queues"] = queue_span(self.queues)
        values["observers"] = ", ".join(self.observers)
        values["s"] = "s" if len(self.observers) == 1 else ""
        values["cause_text"] = CAUSES.get(str(values.get("cause")), str(values.get("cause", "")))
        values["millis_text"] = numbers.duration(float(values.get("millis") or 0) * 1000)
        values["signal_text"] = f" ({values['signal']})" if values.get("signal") else ""
        times = int(values.get("times") or 1)
        values["times_text"] = f", newest of {times}" if times > 1 else ""
        values["final_text"] = "; given up" if values.get("final") else ""
        return values


class EventLogModel:
    """The newest lines, and how many events passed by."""

    def __init__(self) -> None:
        self.lines: deque[Line] = deque(maxlen=LINES_MAX)
        self.total = 0
        self.lost = 0
        self._clients: dict[str, str] = {}
        self._special: dict[str, Callable[[Event], None]] = {
            "client.started": self._client,
            "rebalance.queue.added": self._queue,
            "rebalance.queue.dropped": self._queue,
            "broker.consumer.joined": self._membership,
            "broker.consumer.left": self._membership,
            "broker.topic.created": self._topic,
            "consumer.listener.reported": self._report,
            "cluster.events.lost": self._lost,
        }

    def apply(self, event: Event) -> None:
        self.total += 1
        special = self._special.get(event.name)
        if special is not None:
            special(event)
        elif event.name in WORDS and not self._repeated(event):
            self._add(event)

    def _add(self, event: Event, **more: Any) -> Line:
        line = Line(event.at_micros, event.name, event.process, {**event.fields, **more})
        self.lines.append(line)
        return line

    def _repeated(self, event: Event) -> bool:
        """The same words of the same process again: the line counts how often, and moves on."""
        if event.name not in OFTEN:
            return False
        fresh = Line(event.at_micros, event.name, event.process, dict(event.fields)).text()
        for line in list(self.lines)[-MERGE_LOOK_BACK:]:
            alike = (line.name, line.process) == (event.name, event.process)
            if not alike or event.at_micros - line.at_micros > OFTEN_MICROS:
                continue
            if line.text() == fresh:
                line.times += 1
                return True
        return False

    def _recent(self, event: Event, same_process: bool) -> Line | None:
        """A line of the same kind a moment ago, to be continued."""
        for _, line in zip(range(MERGE_LOOK_BACK), reversed(self.lines), strict=False):
            if abs(event.at_micros - line.at_micros) > MERGE_MICROS or line.name != event.name:
                continue
            if not same_process or line.process == event.process:
                return line
        return None

    def _client(self, event: Event) -> None:
        self._clients[str(event.fields["client_id"])] = event.process
        if len(self._clients) > LINES_MAX:
            del self._clients[next(iter(self._clients))]

    def _queue(self, event: Event) -> None:
        if not is_lesson_topic(str(event.fields["topic"])):
            return
        line = self._recent(event, same_process=True) or self._add(event)
        number = int(event.fields["queue_id"] or 0)
        line.queues.append(Queue(str(event.fields["broker_name"]), number))

    def _membership(self, event: Event) -> None:
        client_id = str(event.fields["client_id"])
        client = label(self._clients.get(client_id, client_id))
        recent = self._recent(event, same_process=False)
        if recent is None or recent.fields["client"] != client:
            recent = self._add(event, client=client)
        if letter(event.process) not in recent.observers:
            recent.observers.append(letter(event.process))

    def _report(self, event: Event) -> None:
        """A listener may report every message: one line for it, which shall not bury the others."""
        about = (event.name, event.process)
        old = next((line for line in self.lines if (line.name, line.process) == about), None)
        if old is None:
            self._add(event)
            return
        times = int(old.fields.get("times") or 1) + 1
        if event.at_micros - old.at_micros >= REPORTS_MERGE_MICROS:
            self.lines.remove(old)
            old = self._add(event)
        old.fields |= {"value": event.fields["value"], "times": times}

    def _topic(self, event: Event) -> None:
        if is_lesson_topic(str(event.fields["topic"])):
            self._add(event)

    def _lost(self, event: Event) -> None:
        self.lost += int(event.fields["count"] or 0)
        self._add(event)

    # -- reading ----------------------------------------------------------------------------
    def newest(self, shown: int = SHOWN, process: str = "", kind: str = "") -> list[Line]:
        ordered = sorted(self.lines, key=lambda line: line.at_micros)[::-1]
        chosen = [
            line
            for line in ordered
            if (not kind or line.kind == kind)
            and (not process or process in (line.process, line.fields.get("node")))
        ]
        return chosen[:shown]

    def processes(self) -> list[str]:
        seen = {str(line.fields.get("node") or line.process) for line in self.lines}
        return sorted(seen - {"cluster"})


def log_rows(lines: list[Line], started_micros: int) -> list[list[Any]]:
    return [
        [numbers.brief_clock(line.at_micros - started_micros), line.parts() + often(line)]
        for line in lines
    ]


def often(line: Line) -> Parts:
    return [["dim", f"  ×{numbers.count(line.times)}"]] if line.times > 1 else []


def log_foot(model: EventLogModel, shown: int, dropped: int) -> str:
    lost = model.lost + dropped
    return f"{shown} of {numbers.count(model.total)} events shown · {numbers.count(lost)} lost"


def log_table(model: EventLogModel, started_micros: int) -> Block:
    rows = [
        [
            numbers.brief_clock(line.at_micros - started_micros),
            label(line.process),
            line.text() + plain_text(often(line)),
        ]
        for line in model.newest(100)
    ]
    return block(cols=["s", "told by", "what happened"], rows=rows)


def log_picture(
    model: EventLogModel, started_micros: int, dropped: int, process: str = "", kind: str = ""
) -> dict[str, Any]:
    """The log as the browser draws it, with the instant of each line for the plots."""
    lines = model.newest(SHOWN, process, kind)
    return {
        "rows": log_rows(lines, started_micros),
        "at": [(line.at_micros - started_micros) / 1e6 for line in lines],
        "micros": [line.at_micros for line in lines],
        "foot": log_foot(model, len(lines), dropped),
    }
