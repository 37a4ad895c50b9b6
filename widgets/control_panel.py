"""ControlPanel: add, end, freeze and kill processes, cut links, turn the dials.

A click never waits for its call: the button shows the seconds until the events tell the outcome.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import traitlets

from widgets import assets
from widgets.base import AS_TEXT, View, Words, submit
from widgets.calls import run_aside
from widgets.view.control import panel, people_table
from widgets.view.names import listing
from widgets.view.ownership import OwnershipModel
from widgets.view.parts import Parts
from widgets.view.roster import RosterModel
from widgets.view.sentences import say

NODE_VERBS = ("kill", "terminate", "pause", "resume", "restart", "remove")
VERBS = (*NODE_VERBS, "add_consumer", "add_producer", "heal", "reset")
DEFAULT_WORK_MILLIS = 0.0
WORK_SAID = re.compile(r"work_millis(?:=|\(.*, )([\d.]+)")
"""In add_consumer(…, work_millis=5) and in set_work_millis("consumer-1", 5)."""
NEW_PRODUCER_RATE = 20
CALLS_MAX = 32


class Controls:
    """The calls that a panel has under way, and the messages of its buttons."""

    def __init__(self, cluster: Any, roster: RosterModel) -> None:
        self.cluster, self.roster = cluster, roster
        self.errors: dict[str, str] = {}
        self.group: str | None = None
        """New consumers join the group that the others are in."""
        self._dial: tuple[float, int] | None = None
        """What the dial was set to, and when the newest call known then had ended."""
        self._calls: dict[tuple[str, str], tuple[Any, float]] = {}

    @property
    def work_millis(self) -> float:
        """How long listeners take: what was said last, by the dial or by a call."""
        dial, after = self._dial or (DEFAULT_WORK_MILLIS, -1)
        calls = [call for (verb, _), (call, _) in self._calls.items() if verb == "set_work_millis"]
        if any(_running(call) for call in calls):
            return dial  # an older move's call may end first
        newer = (x.line for x in reversed(self.roster.actions) if x.at_micros > after)
        told = (WORK_SAID.search(line) for line in newer)
        return next((float(found[1]) for found in told if found), dial)

    def handle(self, message: Mapping[str, Any]) -> bool:
        """Do what a button says; False when the message is for somebody else."""
        match message.get("do"):
            case "verb" if message["verb"] in VERBS:
                args = list(message.get("args", []))
                node = str(args[0]) if message["verb"] in NODE_VERBS else ""
                self._start(str(message["verb"]), node, args)
            case "cut":
                self._start("cut", "", [message["node"], message["peer"]], message.get("direction"))
            case "heal":
                self._start("heal", "", [message["node"], message["peer"]])
            case "pace":
                run_aside(self._set_pace, float(message["value"]))
            case "rate":
                self._start("set_rate", "", [message["node"], float(message["value"])])
            case "work":
                self._set_work(float(message["value"]))
            case _:
                return False
        return True

    def pending(self) -> dict[tuple[str, str], float]:
        """Seconds of each call under way; what has failed is told beside its process."""
        now = time.monotonic()
        for key, (call, _) in list(self._calls.items()):
            if not _running(call):
                del self._calls[key]
                error = _error_of(call)
                if error:
                    self.errors[key[1] or "cluster"] = error
        return {key: now - started for key, (_, started) in self._calls.items()}

    def _start(self, verb: str, node: str, args: list[Any], direction: Any = None) -> None:
        key = (verb, node)
        if key in self.pending() or len(self._calls) >= CALLS_MAX:
            return
        self.errors.pop(node or "cluster", None)
        more: dict[str, Any] = {"direction": direction} if direction else {}
        if verb == "add_consumer":
            more = {"work_millis": self.work_millis} if self.work_millis else {}
            if self.group:
                more["group"] = self.group
        elif verb == "add_producer":
            more = {"rate": NEW_PRODUCER_RATE}
        try:
            call = submit(self.cluster, verb, *args, **more)
        except Exception as error:  # a closed cluster refuses at once
            self.errors[node or "cluster"] = f"{type(error).__name__}: {error}"
            return
        self._calls[key] = (call, time.monotonic())

    def _set_work(self, millis: float) -> None:
        self._dial = (millis, max((x.at_micros for x in self.roster.actions), default=-1))
        for person in self.roster.consumers():
            if person.really != "dead":
                self._start("set_work_millis", person.node, [person.node, millis])

    def _set_pace(self, factor: float) -> None:
        self.cluster.pace = factor


def _running(call: Any) -> bool:
    if hasattr(call, "running") and isinstance(call.running, bool):
        return bool(call.running)
    return hasattr(call, "done") and not call.done()


def _error_of(call: Any) -> str:
    if hasattr(call, "error"):
        return str(call.error or "")
    error = call.exception() if hasattr(call, "exception") else None
    return f"{type(error).__name__}: {error}" if error else ""


class ControlPanel(View):
    """The panel alone; `Playground` has it above three plots."""

    _esm = assets.load("marks.js", "frame.js", "controls.js", "control_panel.js")
    question = "What can I break, and what happens then?"
    source_of = "minimq.cluster.local_cluster:LocalCluster"

    control = traitlets.Dict().tag(sync=True, **AS_TEXT)

    def start(self) -> None:
        self.controls = Controls(self.cluster, self.roster)
        self.ownership: OwnershipModel = self.hub.model("ownership", OwnershipModel)

    def draw(self, now_micros: int) -> dict[str, Any]:
        self.control = self.panel(now_micros)
        return {}

    def panel(self, now_micros: int) -> dict[str, Any]:
        topic = self.ownership.topic or "orders"
        controls = self.controls
        controls.group = self.ownership.group
        return panel(
            self.roster, self.cluster.started_micros, now_micros, controls.pending(),
            controls.work_millis, topic, controls.errors,
        )  # fmt: skip

    def say_now(self, now_micros: int) -> Words:
        text = panel_sentence(self, now_micros)
        return Words(
            text, people_table(self.roster, now_micros), self.clock(now_micros), self.last_line
        )

    def handle(self, message: Mapping[str, Any]) -> None:
        if self.controls.handle(message):
            self.refresh()


def panel_sentence(view: ControlPanel, now_micros: int) -> Parts:
    from widgets.view.numbers import duration

    frozen = [p for p in view.roster.people.values() if p.really == "frozen"]
    if frozen:
        person = max(frozen, key=lambda p: p.since_micros)
        believed = "everybody still believes it alive" if person.wrong else "the others know"
        length = duration(now_micros - person.since_micros)
        return say("play.frozen_node", who=person.who, length=length, belief=believed, drop="")
    dead = [p.who for p in view.roster.people.values() if p.really == "dead" and not p.removed]
    if dead:
        return [
            f"{listing(dead)} {'is' if len(dead) == 1 else 'are'} gone; "
            "Restart brings back name, address and folder."
        ]
    return say("panel.ready")
