"""The control panel as data: cards in their columns, dials, the last line of Python.

A card never moves and never disappears: a removed process leaves its slot empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from widgets.view import numbers
from widgets.view.names import by_name, label, letter, queue_span
from widgets.view.parts import Block, Parts, block
from widgets.view.person import Person
from widgets.view.roster import RosterModel

HEARTBEAT_SECONDS = 30
CONSUMER_CARDS_MAX, BROKER_CARDS_MAX, NAMESRV_CARDS_MAX, PRODUCER_CARDS_MAX = 6, 4, 2, 3
CARDS_MAX = {
    "consumer": CONSUMER_CARDS_MAX, "broker": BROKER_CARDS_MAX, "namesrv": NAMESRV_CARDS_MAX,
    "producer": PRODUCER_CARDS_MAX,
}  # fmt: skip
RATE_MAX, WORK_MILLIS_MAX, PACE_MAX = 500, 2000, 60
_CALL = re.compile(r"cluster\.(\w+)\((?:\"([^\"]*)\")?")

RUNNING = (
    ("End", "terminate", "SIGTERM: it ends in order"),
    ("Freeze", "pause", "SIGSTOP: it stands still"),
)
KILL = ("Kill", "kill", "SIGKILL: it is gone at once")


def panel(
    roster: RosterModel, started_micros: int, now: int, pending: Mapping[tuple[str, str], float],
    work_millis: float, topic: str, errors: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """Everything that the panel shows at an instant; `pending` are calls under way, in seconds."""

    def column(head: Parts | str, *roles: str, add: dict[str, Any] | None = None) -> dict[str, Any]:
        cards = [c for role in roles for c in role_cards(roster, role, now, pending, errors)]
        return {"head": head, "cards": cards, "add": add}

    add_producer = {"t": "+ Add producer", "verb": "add_producer", "args": [topic]}
    add_consumer = {"t": "+ Add consumer", "verb": "add_consumer", "args": [topic]}
    for button in (add_producer, add_consumer):
        _busy(button, "", pending)
    return {
        "dials": dials(roster, work_millis),
        "columns": [
            column("producer", "producer", add=add_producer),
            column("name server, brokers", "namesrv", "broker"),
            column("consumers", "consumer", add=add_consumer),
        ],
        "heal": _busy({"t": "Heal links", "verb": "heal", "args": []}, "", pending),
        "reset": _busy({"t": "Reset", "verb": "reset", "args": [], "main": True}, "", pending),
        "line": code_line(roster, started_micros),
    }


def dials(roster: RosterModel, work_millis: float) -> dict[str, Any]:
    producers = [p for p in roster.of_role("producer") if p.really != "dead"]
    return {
        "pace": roster.pace,
        "heartbeat": numbers.duration(HEARTBEAT_SECONDS * 1e6 / roster.pace),
        "producers": [[p.node, p.who, p.rate or 0] for p in producers],
        "work_millis": work_millis,
    }


def code_line(roster: RosterModel, started_micros: int) -> dict[str, Any]:
    """The newest call of the learner, from a button or from a cell."""
    if not roster.actions:
        return {"code": "", "all": []}
    last = roster.actions[-1]
    at, took = numbers.clock(last.at_micros - started_micros), numbers.duration(last.millis * 1000)
    found = _CALL.match(last.line)
    return {
        "code": last.line,
        "when": f"ran at {at}, took {took}",
        "all": [action.line for action in roster.actions],
        "call": f"{found[1]} {found[2] or ''}".strip() if found else "",
        "at": last.at_micros,
    }


def role_cards(
    roster: RosterModel, role: str, now: int, pending: Mapping[tuple[str, str], float],
    errors: Mapping[str, str],
) -> list[dict[str, Any]]:  # fmt: skip
    """Cards in the order of names; above the limit one line each."""
    people = {p.node: p for p in roster.people.values() if p.role == role}
    made = []
    for place, node in enumerate(by_name(people)):
        person = people[node]
        if person.removed:
            made.append({"node": node, "empty": True})
        else:
            card_ = card(roster, person, now, pending)
            if node in errors:
                card_["facts"].append(["error", [["b", errors[node][:160]]]])
            if place >= CARDS_MAX.get(role, CONSUMER_CARDS_MAX):
                card_["brief"] = True
            made.append(card_)
    return made


def card(
    roster: RosterModel, person: Person, now: int, pending: Mapping[tuple[str, str], float]
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "node": person.node, "who": person.who, "g": roster.glyph_of(person.node),
        "pid": f"pid {person.pid}" if person.pid else "", "state": person.really,
        "facts": facts(roster, person, now),
        "buttons": [_busy(b, person.node, pending) for b in buttons(person)],
    }  # fmt: skip
    if person.role == "consumer" and person.really != "starting":
        made["links"] = links(roster, person)
    return made


def facts(roster: RosterModel, person: Person, now: int) -> list[list[Any]]:
    rows: list[list[Any]] = [["is", is_words(roster, person, now)]]
    if person.really == "starting" and person.step:
        rows.append(["step", person.step])
    if person.role == "producer" and person.really != "starting":
        rows.append(
            ["sent", f"{numbers.count(person.sent)}, failed {numbers.count(person.failed)}"]
        )
    if (
        person.seen_by
        and person.really != "starting"
        and (person.role == "consumer" or person.wrong)
    ):
        rows.append(["seen as", seen_words(person, now)])
    if person.error:
        rows.append(["error", [["b", person.error[:160]]]])
    if person.said:
        rows.append(["said", person.said])
    return rows


def is_words(roster: RosterModel, person: Person, now: int) -> Parts:
    since = numbers.duration(now - person.since_micros)
    if person.really == "starting":
        share = person.step_number / max(1, person.step_of)
        return [
            ["b", "starting"],
            ["fill", share],
            f"{person.step_number} of {person.step_of}" if person.step_of else "",
        ]
    if person.really == "dead":
        return [["b", "dead"], f" {since}" + (f", {person.signal}" if person.signal else "")]
    if person.really == "frozen":
        queues = f", {queue_span(person.queues)}" if person.queues else ""
        return [["b", "frozen"], f" {since}{queues}"]
    return [["b", "running"], running_words(roster, person)]


def running_words(roster: RosterModel, person: Person) -> str:
    if person.role == "consumer":
        return f", {queue_span(person.queues)}" if person.queues else ", no queue"
    if person.role == "producer":
        return f", {person.rate:g}/s" if person.rate is not None else ""
    if person.role == "broker":
        return f", {numbers.many(person.held, 'pull')} held"
    known = [letter(b.node) for b in roster.brokers() if _believes(b, person.node)]
    return f", knows {', '.join(known)}" if known else ", knows nobody"


def _believes(person: Person, observer: str) -> bool:
    belief = person.seen_by.get(observer)
    return belief is not None and belief.alive


def seen_words(person: Person, now: int) -> Parts:
    """Who believes what, and the time left until the timer that will notice."""
    made: Parts = []
    for alive, word in ((True, "alive"), (False, "dead")):
        observers = [letter(o) for o, b in person.seen_by.items() if b.alive == alive]
        if observers:
            made += [", " if made else "", ["b", word], f" by {', '.join(by_name(observers))}"]
    ends = [b for b in person.seen_by.values() if b.alive and b.expires_micros]
    if person.really != "alive" and ends:
        last = max(ends, key=lambda b: b.expires_micros or 0)
        left = max(0, (last.expires_micros or 0) - now)
        made += [["fill", left / max(1, last.period_micros)], numbers.duration(left)]
    return made


def links(roster: RosterModel, person: Person) -> list[dict[str, Any]]:
    """A chip per broker: cut or whole, and in which direction."""
    made = []
    for broker in roster.brokers():
        cut = roster.cuts.get((person.node, broker.node)) or roster.cuts.get(
            (broker.node, person.node)
        )
        made.append({"peer": broker.node, "t": letter(broker.node), "cut": cut})
    return made


def buttons(person: Person) -> list[dict[str, Any]]:
    """What can be done with a process in its state."""
    node = [person.node]
    kill = {"t": KILL[0], "verb": KILL[1], "args": node, "tip": KILL[2]}
    if person.really == "starting":
        return [{"t": "Cancel", "verb": "kill", "args": node, "tip": "SIGKILL"}]
    if person.really == "frozen":
        return [
            {
                "t": "Resume",
                "verb": "resume",
                "args": node,
                "tip": "SIGCONT: it goes on",
                "main": True,
            },
            kill,
        ]
    if person.really == "dead":
        return [
            {
                "t": "Restart",
                "verb": "restart",
                "args": node,
                "tip": "same name, same folder",
                "main": True,
            },
            {"t": "Remove", "verb": "remove", "args": node, "tip": "take it off the map"},
        ]
    return [*({"t": t, "verb": v, "args": node, "tip": tip} for t, v, tip in RUNNING), kill]


def _busy(
    button: dict[str, Any], node: str, pending: Mapping[tuple[str, str], float]
) -> dict[str, Any]:
    """A button whose call runs is disabled; after 0.3 s it shows the seconds."""
    seconds = pending.get((button["verb"], node))
    if seconds is not None:
        button["busy"] = f"{seconds:.1f} s" if seconds > 0.3 else ""
    return button


def people_table(roster: RosterModel, now: int) -> Block:
    rows = []
    for person in roster.people.values():
        if not person.removed:
            words = "".join(
                p if isinstance(p, str) else str(p[1]) if p[0] == "b" else " "
                for p in is_words(roster, person, now)
            )
            seen = ", ".join(
                f"{label(o)}: {'alive' if b.alive else 'dead'}" for o, b in person.seen_by.items()
            )
            rows.append([person.who, str(person.pid or ""), words, seen])
    return block(cols=["process", "pid", "is", "seen as"], rows=rows)
