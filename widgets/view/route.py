"""Who believes that a broker is up, and since when that is wrong: a fold over events."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from minimq.telemetry.event import Event
from widgets.view import numbers
from widgets.view.axes import nice_step
from widgets.view.names import by_name, is_lesson_topic, label, letter, listing
from widgets.view.parts import Block, Mark, Parts, block
from widgets.view.roster import RosterModel
from widgets.view.sentences import clause, say

CHANGES_MAX = 128
TICKS_MAX = 256
BROKERS_MAX, OBSERVERS_MAX = 4, 6
WINDOW_SECONDS = 12.0
LANE, LANE_GAP, HEAD = 15, 6, 26
LEFT, RIGHT = 92, 8
TAG_LETTER = 7.3
"""Pixels of a letter of a tag, for the widest of the usual fonts."""
WIDEST_MICROS = 2**62
"""Later than any instant: the right end of the axis."""


@dataclass(slots=True)
class Countdown:
    """When an observer will look next: kind is poll, limit or scan."""

    at_micros: int
    kind: str
    period_micros: int


@dataclass(slots=True)
class Broker:
    truth: list[tuple[int, str]] = field(default_factory=list)
    beliefs: dict[str, list[tuple[int, bool | None]]] = field(default_factory=dict)
    registers: deque[int] = field(default_factory=lambda: deque(maxlen=TICKS_MAX))


class RouteModel:
    """Truth and beliefs per broker, and the next look of each observer."""

    def __init__(self) -> None:
        self.brokers: dict[str, Broker] = {}
        self.countdowns: dict[tuple[str, str], Countdown] = {}
        self.polls: dict[str, Countdown] = {}
        self.pace = 1.0
        self._handlers: dict[str, Callable[[Event], None]] = {
            "cluster.pace": self._paced,
            "node.ready": self._truth("alive"),
            "node.paused": self._truth("frozen"),
            "node.resumed": self._truth("alive"),
            "node.exited": self._truth("dead"),
            "namesrv.broker.registered": self._registered,
            "namesrv.broker.removed": self._removed,
            "namesrv.broker.alive": self._alive,
            "client.route.changed": self._route,
            "client.route.polled": self._polled,
            "cluster.reset": self._reset,
        }

    def apply(self, event: Event) -> None:
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event)

    # -- reading ----------------------------------------------------------------------------
    def names(self) -> list[str]:
        return by_name(self.brokers)[:BROKERS_MAX]

    def observers(self) -> list[str]:
        """Name servers, then producers, then consumers."""
        seen = {who for broker in self.brokers.values() for who in broker.beliefs}
        roles = ("namesrv", "producer", "consumer")
        ordered = [who for role in roles for who in by_name(seen) if who.startswith(role)]
        return ordered[:OBSERVERS_MAX]

    def truth(self, broker: str) -> str:
        changes = self.brokers[broker].truth
        return changes[-1][1] if changes else "alive"

    def believes(self, who: str, broker: str) -> bool | None:
        changes = self.brokers[broker].beliefs.get(who)
        return changes[-1][1] if changes else None

    def wrong_spans(self, who: str, broker: str, now: int) -> list[tuple[int, int, bool]]:
        """(from, to, still open) in which the observer thinks it is up, and it is not."""
        marks = [(at, "truth", state == "alive") for at, state in self.brokers[broker].truth]
        marks += [(at, "belief", bool(up)) for at, up in self.brokers[broker].beliefs.get(who, ())]
        found: list[tuple[int, int, bool]] = []
        up, thinks, since = True, False, None
        for at, what, value in sorted(marks, key=lambda mark: mark[0]):
            if what == "truth":
                up = value
            else:
                thinks = value
            wrong = thinks and not up
            if wrong and since is None:
                since = at
            elif not wrong and since is not None:
                found.append((since, at, False))
                since = None
        if since is not None:
            found.append((since, now, True))
        return found

    def next_look(self, who: str, broker: str, now: int) -> Countdown | None:
        if who.startswith("namesrv"):
            return self.countdowns.get((who, broker))
        return self.polls.get(who)

    # -- folding ----------------------------------------------------------------------------
    def _broker(self, name: object) -> Broker:
        return self.brokers.setdefault(str(name), Broker())

    def _truth(self, state: str) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            node = str(event.fields["node"])
            if state == "dead":
                self._died(node, event.at_micros)
            if node.startswith("broker"):
                changes = self._broker(node).truth
                insort(changes, (event.at_micros, state))
                del changes[:-CHANGES_MAX]

        return handle

    def _died(self, who: str, at: int) -> None:
        """The dead believe nothing."""
        for name, broker in self.brokers.items():
            if who in broker.beliefs:
                self._believe(who, name, at, None)
                self.countdowns.pop((who, name), None)
        self.polls.pop(who, None)

    def _believe(self, who: str, broker: str, at: int, up: bool | None) -> None:
        changes = self._broker(broker).beliefs.setdefault(who, [])
        if not changes or changes[-1][1] != up:
            insort(changes, (at, up), key=lambda change: change[0])
            del changes[:-CHANGES_MAX]

    def _registered(self, event: Event) -> None:
        name = str(event.fields["broker_name"])
        self._believe(event.process, name, event.at_micros, True)
        self._broker(name).registers.append(event.at_micros)

    def _removed(self, event: Event) -> None:
        name = str(event.fields["broker_name"])
        self._believe(event.process, name, event.at_micros, False)
        self.countdowns.pop((event.process, name), None)

    def _alive(self, event: Event) -> None:
        name, period = str(event.fields["broker_name"]), event.fields["expires_after_millis"]
        micros = round(float(period or 0) * 1000)
        self._broker(name).registers.append(event.at_micros)
        ends = event.at_micros + micros
        self.countdowns[(event.process, name)] = Countdown(ends, "limit", micros)

    def _route(self, event: Event) -> None:
        if not is_lesson_topic(str(event.fields["topic"])):
            return
        listed = {part.split(":")[0] for part in str(event.fields["brokers"] or "").split()}
        for broker in listed | set(self.brokers):
            if broker in listed or event.process in self._broker(broker).beliefs:
                self._believe(event.process, broker, event.at_micros, broker in listed)

    def _polled(self, event: Event) -> None:
        if is_lesson_topic(str(event.fields["topic"])):
            # The interval is told at ×1; the wait itself is divided by the pace.
            period = round(float(event.fields["next_poll_millis"] or 0) * 1000 / self.pace)
            self.polls[event.process] = Countdown(event.at_micros + period, "poll", period)

    def _paced(self, event: Event) -> None:
        self.pace = float(event.fields["factor"] or 1)

    def _reset(self, event: Event) -> None:
        self.brokers.clear()
        self.polls.clear()
        self.countdowns.clear()


class RoutePicture:
    """Lanes of truth and belief as marks; the matrix of right now as a table."""

    def __init__(self, model: RouteModel, roster: RosterModel, started_micros: int) -> None:
        self.model, self.roster, self.started_micros = model, roster, started_micros

    def seconds(self, micros: float) -> float:
        return (micros - self.started_micros) / 1e6

    def picture(self, now: int, width: int) -> dict[str, Any]:
        plot = max(260.0, width * (0.66 if width >= 700 else 1.0))
        end = max(WINDOW_SECONDS, -(-self.seconds(now) // 2) * 2)
        start = end - WINDOW_SECONDS

        def x(micros: float) -> float:
            share = (self.seconds(micros) - start) / WINDOW_SECONDS
            return round(LEFT + (plot - LEFT - RIGHT) * min(max(share, 0.0), 1.0), 1)

        marks: list[Mark] = []
        y = 4.0
        for broker in self.model.names():
            y = self._block(marks, broker, x, y, now)
        marks += _axis(start, x, y, self.started_micros)
        return {"marks": marks, "height": y + 24, "side": self.side(now), "key": key_items()}

    def _block(self, marks: list[Mark], name: str, x: Any, y: float, now: int) -> float:
        broker = self.model.brokers[name]
        first = self.started_micros
        marks.append({"k": "glyph", "x": 9, "y": y + 8, "g": self.roster.glyph_of(name), "r": 8})
        marks.append({"k": "text", "x": 24, "y": y + 8, "t": name, "b": True, "size": 13})
        cause = _cause(broker)
        top = y + HEAD
        lanes = ["really", *self.model.observers()]
        bottom = top + len(lanes) * (LANE + LANE_GAP)
        if cause is not None:
            at, words = cause
            marks.append(
                {"k": "line", "x0": x(at), "x1": x(at), "y0": y + 14, "y1": bottom, "halo": True}
            )
            end = x(at) + TAG_LETTER * len(words) > x(WIDEST_MICROS)
            marks.append(
                {
                    "k": "text",
                    "x": x(at),
                    "dx": -6 if end else 6,
                    "y": y + 10,
                    "t": words,
                    "b": True,
                    "a": "end" if end else "start",
                    "halo": True,
                }
            )
        for place, who in enumerate(lanes):
            lane = top + place * (LANE + LANE_GAP)
            name_ = who if who == "really" else f"{label(who)} thinks"
            marks.append(
                {
                    "k": "text",
                    "x": LEFT - 8,
                    "y": lane + LANE / 2,
                    "t": name_,
                    "a": "end",
                    "b": who == "really",
                }
            )
            if who == "really":
                marks += _truth_lane(broker.truth, x, lane, now, letter(name))
            else:
                marks += _belief_lane(broker.beliefs.get(who, []), x, lane, now)
                marks += _wrong_marks(
                    self.model.wrong_spans(who, name, now), x, lane, x(WIDEST_MICROS)
                )
        marks.append(
            {"k": "text", "x": LEFT - 8, "y": bottom + 6, "t": "registers", "a": "end", "dim": True}
        )
        left = x(first)
        for at in broker.registers:
            if x(at) > max(left, LEFT):
                marks.append(
                    {
                        "k": "shape",
                        "s": "bar",
                        "x": x(at),
                        "y": bottom + 6,
                        "r": 4,
                        "line": "@ink",
                        "w": 1.6,
                    }
                )
        return bottom + 24

    def side(self, now: int) -> list[Block]:
        brokers = self.model.names()
        rows: list[list[Any]] = [
            [[["b", "really"]], *([[["g", self._cell(b, None)]] for b in brokers]), ""]
        ]
        for who in self.model.observers():
            cells = [
                [["dim", "·"] if self.model.believes(who, b) is None else ["g", self._cell(b, who)]]
                for b in brokers
            ]
            head = [["g", self.roster.glyph_of(who)], label(who)]
            rows.append([head, *cells, self._notice(who, now)])
        return [
            block(
                f"right now, {self.seconds(now):.1f} s",
                ["", *(letter(b) for b in brokers), "will notice in"],
                rows,
            )
        ]

    def _cell(self, broker: str, who: str | None) -> dict[str, Any]:
        """A glyph: the truth alone, or what an observer believes."""
        made: dict[str, Any] = {"who": letter(broker)}
        if who is None:
            return {**made, "really": self.model.truth(broker)}
        up = self.model.believes(who, broker)
        if not up:
            return {**made, "really": "none", "believed": "dead"}
        return {**made, "really": "alive", "frame": self.model.truth(broker) != "alive"}

    def _notice(self, who: str, now: int) -> Parts | str:
        wrong = [
            b
            for b in self.model.names()
            if self.model.truth(b) != "alive" and self.model.believes(who, b)
        ]
        if all(self.model.believes(who, b) is None for b in self.model.names()):
            return [["dim", "is dead"]]
        if not wrong:
            return [["dim", "knows"]]
        look = self.model.next_look(who, wrong[0], now)
        if look is None:
            return [["dim", "?"]]
        left = look.at_micros - now
        if left <= 0:
            return [["b", "its next scan" if look.kind == "limit" else "its next poll"]]
        share = left / max(1, look.period_micros)
        return [["fill", min(1.0, share)], ["b", f"{numbers.duration(left)} ({look.kind})"]]

    def table(self, now: int) -> Block:
        rows = []
        for broker in self.model.names():
            for who in self.model.observers():
                spans = self.model.wrong_spans(who, broker, now)
                wrong = (
                    numbers.duration(sum(end - start for start, end, _ in spans))
                    if spans
                    else "never"
                )
                thinks = {True: "up", False: "dead", None: "nothing"}[
                    self.model.believes(who, broker)
                ]
                rows.append([broker, self.model.truth(broker), label(who), thinks, wrong])
        return block(cols=["broker", "really", "observer", "thinks", "was wrong for"], rows=rows)

    def say(self, now: int) -> Parts:
        down = [b for b in self.model.names() if self.model.truth(b) != "alive"]
        if not down:
            missing = [
                (b, w)
                for b in self.model.names()
                for w in self.model.observers()
                if self.model.believes(w, b) is False
            ]
            if missing:
                first = missing[0][0]
                who = sorted({label(w) for broker, w in missing if broker == first})
                return say(
                    "route.unheard_by",
                    who=first,
                    observers=listing(who),
                    do="does" if len(who) == 1 else "do",
                )
            names = listing(self.model.names())
            return say(
                "route.calm", brokers=f"{names} {'is' if len(self.model.names()) == 1 else 'are'}"
            )
        newest = max(down, key=lambda b: self.model.brokers[b].truth[-1][0])
        return self._down_sentence(newest, now)

    def _down_sentence(self, broker: str, now: int) -> Parts:
        since, state = self.model.brokers[broker].truth[-1]
        knows, still = "", []
        for who in self.model.observers():
            spans = [s for s in self.model.wrong_spans(who, broker, now) if s[1] >= since]
            if spans and spans[-1][2]:
                still.append(label(who))
            elif spans and not knows:
                knows = clause(
                    "route.knows", who=label(who), length=numbers.duration(spans[-1][1] - since)
                )
        wrong = ""
        if still:
            verb = "believes" if len(still) == 1 else "believe"
            wrong = clause("route.still", who=listing(still), believe=verb, next="")
        words = {"frozen": "has been frozen for", "dead": "has been dead for"}[state]
        return say(
            "route.wrong",
            who=broker,
            state=words,
            length=numbers.duration(now - since),
            knows=knows,
            wrong=wrong,
        )


def _cause(broker: Broker) -> tuple[int, str] | None:
    down = [(at, state) for at, state in broker.truth if state != "alive"]
    if not down or broker.truth[-1][1] == "alive":
        return None
    at, state = down[-1]
    return at, "SIGSTOP: sockets stay open" if state == "frozen" else "gone: sockets close"


def _truth_lane(
    changes: list[tuple[int, str]], x: Any, y: float, now: int, who: str
) -> Iterable[Mark]:
    for place, (at, state) in enumerate(changes):
        end = changes[place + 1][0] if place + 1 < len(changes) else now
        box = {"k": "rect", "x0": x(at), "x1": x(end), "y0": y, "y1": y + LANE}
        if x(end) <= LEFT and end != now:
            continue
        if state == "alive":
            yield {**box, "fill": "@nb"}
        elif state == "frozen":
            yield {**box, "hatch": who}
        else:
            middle = y + LANE / 2
            yield {
                "k": "line",
                "x0": x(at),
                "x1": x(end),
                "y0": middle,
                "y1": middle,
                "dash": "1 4",
            }
            yield {"k": "shape", "s": "cross", "x": x(at), "y": middle, "r": 6, "line": "@ink"}


def _belief_lane(
    changes: list[tuple[int, bool | None]], x: Any, y: float, now: int
) -> Iterable[Mark]:
    for place, (at, up) in enumerate(changes):
        end = changes[place + 1][0] if place + 1 < len(changes) else now
        box = {"k": "rect", "x0": x(at), "x1": x(end), "y0": y, "y1": y + LANE}
        if x(end) > x(at) and up is not None:
            yield {**box, "fill": "@nb"} if up else {**box, "line": "@nb", "dash": "4 3"}


def _wrong_marks(
    spans: list[tuple[int, int, bool]], x: Any, y: float, right_end: float
) -> Iterable[Mark]:
    """A frame for each wrong span, and its length where there is room: the newest comes first."""
    taken: list[tuple[float, float]] = []
    for start, end, still in reversed(spans):
        left, right, more = x(start), x(end), " so far" if still else ""
        if right <= LEFT:
            continue
        if right - left >= 3:
            yield {"k": "rect", "x0": left, "x1": right, "y0": y - 1, "y1": y + LANE + 1,
                   "line": "@ink", "w": 2, "frame": True}  # fmt: skip
        words = f"wrong {numbers.duration(end - start)}{more}"
        wide = TAG_LETTER * len(words) + 14
        middle = (left + right - wide) / 2
        places = [middle] if right - left > wide + 8 else [right + 8, left - 8 - wide]
        for place in places:
            inside = place >= LEFT and place + wide <= right_end
            if inside and all(place + wide < low or place > high for low, high in taken):
                taken.append((place, place + wide))
                centre = place + wide / 2
                yield {"k": "tag", "x": centre, "a": "middle", "y": y + LANE / 2, "t": words}
                break


def _axis(start: float, x: Any, y: float, started: int) -> Iterable[Mark]:
    step = nice_step(WINDOW_SECONDS / 7)
    for n in range(int(WINDOW_SECONDS / step) + 1):
        at = start + n * step
        place = x(started + at * 1e6)
        yield {"k": "line", "x0": place, "x1": place, "y0": y - 6, "y1": y, "line": "@line"}
        yield {
            "k": "text",
            "x": place,
            "y": y + 10,
            "t": f"{at:g}" if n else f"{at:g} s",
            "a": "middle",
            "small": True,
            "dim": True,
        }


def key_items() -> list[Parts]:
    """The key under the picture."""

    def box(*marks: Mark) -> list[Any]:
        return ["svg", {"w": 34, "h": 14, "m": list(marks)}]

    area = {"k": "rect", "x0": 1, "x1": 33, "y0": 1, "y1": 13}
    return [
        [box({**area, "fill": "@nb"}), "up, or believed up"],
        [box({**area, "hatch": "A"}), "frozen"],
        [box({**area, "line": "@nb", "dash": "4 3"}), "believed dead"],
        [box({"k": "shape", "s": "cross", "x": 17, "y": 7, "r": 5, "line": "@ink"}), "dead"],
        [box({**area, "line": "@ink", "w": 2}), "believed up, but it is not"],
    ]
