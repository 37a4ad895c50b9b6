"""Who believes that a broker is up, drawn: for each broker a lane of truth, one per observer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.axes import nice_step
from widgets.view.names import label, letter
from widgets.view.parts import Mark, Parts
from widgets.view.route import Broker
from widgets.view.route_words import RouteWords

WINDOW_SECONDS = 12.0
LANE, LANE_GAP, HEAD = 15, 6, 26
LEFT, RIGHT = 92, 8
TAG_LETTER = 7.3
"""Pixels of a letter of a tag, for the widest of the usual fonts."""
WIDEST_MICROS = 2**62
"""Later than any instant: the right end of the axis."""


class RoutePicture(RouteWords):
    """Lanes of truth and belief as marks."""

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
        marks += _axis(start, x, y, self.started_micros, self.roster.pace)
        height = y + (24 if self.roster.pace == 1 else 38)
        return {"marks": marks, "height": height, "side": self.side(now), "key": key_items()}

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


def _axis(start: float, x: Any, y: float, started: int, pace: float) -> Iterable[Mark]:
    """Seconds here and, below them, the seconds that RocketMQ would take."""
    step = nice_step(WINDOW_SECONDS / 7)
    word = {"k": "text", "small": True, "dim": True}
    lines = [(y + 10, 1.0, "here"), (y + 24, pace, "at ×1")]
    if pace == 1:
        lines = [(y + 10, 1.0, "")]
    for n in range(int(WINDOW_SECONDS / step) + 1):
        at = start + n * step
        place = x(started + at * 1e6)
        yield {"k": "line", "x0": place, "x1": place, "y0": y - 6, "y1": y, "line": "@line"}
        for line, factor, _ in lines:
            text = f"{at * factor:g}" if n else f"{at * factor:g} s"
            yield {**word, "x": place, "y": line, "t": text, "a": "middle"}
    for line, _, name in lines:
        yield {**word, "x": LEFT - 28, "y": line, "t": name, "a": "end"}


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
