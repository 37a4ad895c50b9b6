"""The owner strip, the belief lanes and the enlarger as bars, marks and words.

y runs in pixels from the top, so that a row keeps its place whatever the data is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.names import Queue, by_name, label, listing, queue_name, queue_span
from widgets.view.ownership import OwnershipModel, Span
from widgets.view.parts import Block, Mark, Parts, block
from widgets.view.rebalance import Effect, Flag, RebalanceModel, step_words
from widgets.view.roster import Person, RosterModel
from widgets.view.sentences import clause, say

WINDOW_SECONDS = 30
STEP_SECONDS = 5
ROW, GAP, BROKER_GAP = 18, 2, 6
LANE_ROW, LANE_GAP, LANE_LEAST = 4, 8, 24
BELIEF_HEAD, ENLARGED_HEAD = 24, 52
LEFT, RIGHT, TOP, BOTTOM = 52, 22, 46, 20
ENLARGED_ROW = 15
BARS_MAX = 256
OWNER_TRACES = 7
STEPS_SHOWN = 7
FLAG_KINDS = {"nobody": ("no owner", "gap"), "many": ("two owners", "2 own"), "frozen": ("frozen",)}


class Rows:
    """Where each queue's row is: `height` px a row, a wider gap between brokers."""

    def __init__(self, queues: list[Queue], row: int, top: float = 0.0) -> None:
        self.row = row
        self.top: dict[Queue, float] = {}
        y, before = top, None
        for queue in queues:
            if before is not None:
                y += GAP + (BROKER_GAP if before != queue.broker else 0)
            self.top[queue] = y
            y += row
            before = queue.broker
        self.end = y

    def middle(self, queue: Queue) -> float:
        return self.top[queue] + self.row / 2


def time_window(now_seconds: float, window: int = WINDOW_SECONDS) -> tuple[float, float]:
    """The last stretch, moving in steps so that the picture stands still in between."""
    start = max(0.0, -((window - now_seconds) // STEP_SECONDS) * STEP_SECONDS)
    return start, start + window


class RebalancePicture:
    """One model drawn: asked for figure, arrays, marks, side blocks and words of an instant."""

    def __init__(
        self,
        model: RebalanceModel,
        roster: RosterModel,
        started_micros: int,
        row: int = ROW,
        lanes: bool = True,
    ) -> None:
        self.model, self.roster, self.started_micros = model, roster, started_micros
        self.row, self.with_lanes = row, lanes
        self.chosen: int | None = None
        """The time stamp of the flag in the enlarger; None means the newest."""
        self.prediction: tuple[float, float | None] | None = None
        """(said, was) in ms on the enlarger's axis."""

    # -- geometry -----------------------------------------------------------------------------
    @property
    def ownership(self) -> OwnershipModel:
        return self.model.ownership

    def consumers(self) -> list[str]:
        known = {p.node for p in self.roster.consumers()} | set(self.ownership.consumers())
        return by_name(known)[:OWNER_TRACES]

    def rows(self) -> Rows:
        return Rows(self.model.queues, self.row)

    def lane_top(self, index: int) -> float:
        return self.rows().end + BELIEF_HEAD + index * (self.lane_height() + LANE_GAP)

    def lane_height(self) -> float:
        return max(LANE_LEAST, LANE_ROW * len(self.model.queues) + 4)

    def main_height(self) -> float:
        if not self.with_lanes:
            return max(self.rows().end, 40.0)
        return self.lane_top(max(1, len(self.consumers()))) - LANE_GAP + 4.0

    def enlarged_height(self) -> float:
        return (
            max(Rows(self.model.queues, ENLARGED_ROW).end, ENLARGED_ROW) if self.with_lanes else 0.0
        )

    def seconds(self, micros: float) -> float:
        return round((micros - self.started_micros) / 1e6, 6)

    def flag(self) -> Flag | None:
        flags = self.model.flags
        if not flags:
            return None
        return next((f for f in flags if f.at_micros == self.chosen), flags[-1])

    # -- figure -------------------------------------------------------------------------------
    def figure(self) -> tuple[dict[str, Any], list[list[Any]]]:
        main, enlarged = self.main_height(), self.enlarged_height()
        inner = main + (ENLARGED_HEAD + enlarged if self.with_lanes else 0)
        layout: dict[str, Any] = {
            "xaxis": {
                "range": [0, WINDOW_SECONDS],
                "anchor": "y",
                "showgrid": False,
                "ticks": "outside",
            },
            "yaxis": {"range": [main, 0], "domain": [1 - main / inner, 1], "visible": False},
        }
        if self.with_lanes:
            share = enlarged / inner
            layout["xaxis2"] = {
                "range": [-20, 80],
                "anchor": "y2",
                "showgrid": False,
                "ticks": "outside",
            }
            layout["yaxis2"] = {"range": [enlarged, 0], "domain": [0, share], "visible": False}
        data: list[dict[str, Any]] = []
        slots: list[list[Any]] = []
        for axis in ("", "2") if self.with_lanes else ("",):
            for node in self.consumers():
                for state in ("alive", "frozen"):
                    slots += [[len(data), key] for key in ("base", "x", "y", "width")]
                    data.append(bar_trace(label(node), state, axis))
        height = TOP + inner + BOTTOM
        sides = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
        return {"data": data, "layout": layout, "height": round(height), **sides}, slots

    def layout(self, now: int) -> dict[str, Any]:
        start, end = time_window(self.seconds(now))
        vals = [start + i * STEP_SECONDS for i in range(WINDOW_SECONDS // STEP_SECONDS + 1)]
        made: dict[str, Any] = {
            "xaxis": {"range": [start, end], "tickvals": vals, "ticktext": seconds_labels(vals)}
        }
        flag = self.flag()
        if flag is not None and self.with_lanes:
            left, right = self.model.window(flag, now)
            made["xaxis2"] = _enlarged_axis(left - flag.at_micros, right - flag.at_micros)
        return made

    # -- bars ---------------------------------------------------------------------------------
    def arrays(self, now: int) -> dict[int, list[float]]:
        bars = Bars(self.consumers())
        start, end = time_window(self.seconds(now))
        low, high = (
            self.started_micros + round(start * 1e6),
            min(now, self.started_micros + round(end * 1e6)),
        )
        rows = self.rows()
        for queue in self.model.queues:
            for span in self.ownership.spans_between(queue, low, high):
                bars.add_span(span, low, high, self.seconds, rows.top[queue], self.row)
        if self.with_lanes:
            self._belief_bars(bars, low, high)
            bars.next_axis()
            self._enlarged_bars(bars, now)
        return bars.slots()

    def _belief_bars(self, bars: Bars, low: int, high: int) -> None:
        for index, node in enumerate(self.consumers()):
            top = self.lane_top(index) + 2
            for place, queue in enumerate(self.model.queues):
                for start, end, frozen in self.ownership.beliefs(node, queue, high):
                    if end > low:
                        s, e = self.seconds(max(start, low)), self.seconds(end)
                        bars.add(node, frozen, s, e, top + LANE_ROW * place, LANE_ROW - 1)

    def _enlarged_bars(self, bars: Bars, now: int) -> None:
        flag = self.flag()
        if flag is None:
            return
        left, right = self.model.window(flag, now)
        unit = _unit(right - left)

        def offset(micros: float) -> float:
            return (micros - flag.at_micros) / unit

        rows = Rows(self.model.queues, ENLARGED_ROW)
        for queue in self.model.queues:
            for span in self.ownership.spans_between(queue, left, min(right, now)):
                bars.add_span(span, left, min(right, now), offset, rows.top[queue], ENLARGED_ROW)

    # -- marks --------------------------------------------------------------------------------
    def picture(self, now: int) -> dict[str, Any]:
        made: dict[str, Any] = {"layout": self.layout(now), "flags": self.flag_marks(now)}
        made["marks"] = [
            *self.truth_marks(now),
            *(self._lane_marks(now) if self.with_lanes else ()),
        ]
        made["under"] = list(self._lane_grounds(now)) if self.with_lanes else []
        made["rows"] = self._hover_rows(now)
        if self.with_lanes:
            made["side"] = self.side(now)
            made["marks"] += self._enlarged_marks(now)
            made["key"] = key_items()
        return made

    def flag_marks(self, now: int) -> list[dict[str, Any]]:
        start, end = time_window(self.seconds(now))
        return [
            {
                "x": self.seconds(flag.at_micros),
                "t": flag.word,
                "tags": self._flag_tags(flag, now),
                "g": _flag_glyph(flag),
                "top": 10,
                "bottom": TOP + self.rows().end,
                "act": {"do": "enlarge", "at": flag.at_micros},
            }
            for flag in self.model.flags
            if start <= self.seconds(flag.at_micros) <= end
        ]

    def _flag_tags(self, flag: Flag, now: int) -> list[str]:
        """The worst effect in words, from long to short: the first that fits is drawn."""
        effects = self.model.effects(flag, now)
        if flag.kind == "frozen":
            effects = [e for e in effects if e.kind == "frozen"] or effects
        if not effects:
            return []
        worst, length = effects[0], numbers.duration(effects[0].most)
        return [*(f"{word} {length}" for word in FLAG_KINDS[worst.kind]), length]

    def truth_marks(self, now: int) -> list[Mark]:
        start, end = time_window(self.seconds(now))
        low, high = self.started_micros + round(start * 1e6), now
        rows, marks = self.rows(), []
        for queue in self.model.queues:
            y = rows.middle(queue)
            marks.append(
                {"k": "text", "xa": "px", "x": LEFT - 8, "y": y, "t": queue_name(queue), "a": "end"}
            )
            spans = self.ownership.spans_between(queue, low, high)
            if not spans:
                marks.append(
                    {"k": "line", "x0": start, "x1": end, "y0": y, "y1": y, "line": "@line", "w": 1}
                )
            for span in spans:
                marks += span_marks(span, low, high, self.seconds, rows.top[queue], self.row)
        if self.with_lanes:
            caption = {"k": "text", "xa": "px", "ya": "px", "x": 0, "small": True, "dim": True}
            marks.append({**caption, "y": 12, "t": "TRUTH", "b": True})
            marks.append({**caption, "y": 30, "t": "serves"})
        return marks

    def _lane_grounds(self, now: int) -> Iterable[Mark]:
        start, end = time_window(self.seconds(now))
        for index in range(len(self.consumers())):
            top = self.lane_top(index)
            yield {
                "k": "rect",
                "x0": start,
                "x1": end,
                "y0": top,
                "y1": top + self.lane_height(),
                "fill": "@panel",
            }
        if self.flag() is not None:
            left, right = self.layout(now)["xaxis2"]["range"]
            yield {
                "k": "rect",
                "xa": "x2",
                "ya": "y2",
                "x0": left,
                "x1": right,
                "y0": -3,
                "y1": self.enlarged_height() + 3,
                "line": "@line",
                "w": 1,
            }

    def _lane_marks(self, now: int) -> Iterable[Mark]:
        start, _end = time_window(self.seconds(now))
        head = self.rows().end + 14
        yield {
            "k": "text",
            "xa": "px",
            "x": 0,
            "y": head,
            "t": "BELIEF",
            "b": True,
            "small": True,
            "dim": True,
        }
        yield {
            "k": "text",
            "xa": "px",
            "x": LEFT,
            "y": head,
            "dim": True,
            "t": "which queues each consumer thinks are its own (rows in the order above)",
        }
        for index, node in enumerate(self.consumers()):
            top, middle = self.lane_top(index), self.lane_top(index) + self.lane_height() / 2
            yield {"k": "glyph", "xa": "px", "x": 9, "y": middle, "g": self.roster.glyph_of(node)}
            yield {"k": "text", "xa": "px", "x": 22, "y": middle, "t": label(node), "b": True}
            yield from self._lane_words(node, top, middle, start, now)

    def _lane_words(
        self, node: str, top: float, middle: float, start: float, now: int
    ) -> Iterable[Mark]:
        person = self.roster.person(node)
        if person is None:
            return
        at = max(start, self.seconds(person.since_micros))
        if person.really == "dead":
            yield {"k": "shape", "s": "cross", "x": at, "y": middle, "line": "@ink", "r": 6}
            yield {
                "k": "line",
                "x0": at,
                "x1": self.seconds(now),
                "y0": middle,
                "y1": middle,
                "dash": "1 4",
            }
            yield {
                "k": "text",
                "x": at,
                "dx": 12,
                "y": middle,
                "t": "gone",
                "dim": True,
                "halo": True,
            }
        elif person.really == "frozen":
            held = [
                q
                for q in self.model.queues
                if any(e == now for _, e, _ in self.ownership.beliefs(node, q, now))
            ]
            if held:
                words = f"frozen: still thinks {queue_span(held)}"
                yield {
                    "k": "text",
                    "x": at,
                    "dx": 6,
                    "y": top + self.lane_height() - 8,
                    "t": words,
                    "small": True,
                    "halo": True,
                }
        elif person.really == "starting":
            yield {"k": "text", "x": start, "dx": 8, "y": middle, "t": "not started", "dim": True}

    def _enlarged_marks(self, now: int) -> Iterable[Mark]:
        flag, y = self.flag(), -16
        head = {"k": "text", "xa": "px", "ya": "y2", "y": y}
        yield {**head, "x": 0, "t": "ENLARGED", "b": True, "small": True, "dim": True}
        if flag is None:
            yield {
                **head,
                "x": LEFT + 32,
                "t": "A cause (join, kill, freeze) is enlarged here.",
                "dim": True,
            }
            return
        left, right = self.model.window(flag, now)
        words = (
            f"{flag.word}, {numbers.duration(right - left)} shown. Click a flag to enlarge another."
        )
        yield {**head, "x": LEFT + 32, "t": words}
        unit, rows = _unit(right - left), Rows(self.model.queues, ENLARGED_ROW)

        def offset(micros: float) -> float:
            return (micros - flag.at_micros) / unit

        for queue in self.model.queues:
            yield {
                "k": "text",
                "xa": "px",
                "ya": "y2",
                "x": LEFT - 8,
                "y": rows.middle(queue),
                "t": queue_name(queue),
                "a": "end",
            }
            for span in self.ownership.spans_between(queue, left, min(right, now)):
                for mark in span_marks(
                    span, left, min(right, now), offset, rows.top[queue], ENLARGED_ROW, now
                ):
                    yield {"xa": "x2", "ya": "y2", **mark}
        yield {
            "k": "line",
            "xa": "x2",
            "ya": "y2",
            "x0": 0,
            "x1": 0,
            "y0": -3,
            "y1": rows.end + 3,
            "w": 1.5,
            "halo": True,
        }
        if self.prediction is not None:
            yield from _prediction_marks(self.prediction, unit / 1000, rows.end + 3)

    def _hover_rows(self, now: int) -> list[dict[str, Any]]:
        start, _ = time_window(self.seconds(now))
        low, rows = self.started_micros + round(start * 1e6), self.rows()
        return [
            {
                "name": queue_name(queue),
                "y0": rows.top[queue],
                "y1": rows.top[queue] + self.row,
                "bars": [
                    [self.seconds(s.start), self.seconds(s.end or now), self._bar_text(s, now)]
                    for s in self.ownership.spans_between(queue, low, now)
                ],
            }
            for queue in self.model.queues
        ]

    def _bar_text(self, span: Span, now: int) -> str:
        who = {"nobody": "nobody", "frozen": "frozen " + listing(map(label, span.owners))}
        name = who.get(span.kind) or listing(map(label, span.owners))
        end = "now" if span.end is None else numbers.clock(span.end - self.started_micros)
        begin = numbers.clock(span.start - self.started_micros)
        return f"{name}, {begin} to {end} ({numbers.duration(span.length(now))})"

    # -- words --------------------------------------------------------------------------------
    def side(self, now: int) -> list[Block]:
        flag = self.flag()
        return [
            *self._change_blocks(flag, now),
            self._inputs_block(),
            *self._steps_block(flag, now),
        ]

    def _change_blocks(self, flag: Flag | None, now: int) -> list[Block]:
        all_queues = len(self.model.queues)
        rows = []
        for node in self.consumers():
            before = self.ownership.held_by(node, flag.at_micros - 1) if flag else []
            after = self.ownership.held_by(node)
            dead = self.roster.really(node) == "dead"
            name = "dead" if dead else queue_span(after, all_queues)
            counts = (
                str(len(after)) if len(before) == len(after) else f"{len(before)} → {len(after)}"
            )
            g = ["g", self.roster.glyph_of(node)]
            rows.append([[g], queue_span(before, all_queues), [["b", name]], counts])
        head: Parts = ["last change"]
        if flag is not None:
            head = ["enlarged  ", ["b", f"{flag.word}, {self.seconds(flag.at_micros):.1f} s"]]
        table = block(head, ["", "before", "now", "queues"], rows, num=[3])
        return [table, block(rows=self._totals(flag, now), ruled=False)] if flag else [table]

    def _totals(self, flag: Flag, now: int) -> list[list[Any]]:
        moved = sum(
            self.ownership.owners(q, flag.at_micros - 1) != self.ownership.owners(q)
            for q in self.model.queues
        )
        effects = {e.kind: e for e in reversed(self.model.effects(flag, now))}
        return [
            [[["dim", "moved"]], f"{moved} of {len(self.model.queues)} queues"],
            [[["dim", "two owned"]], _effect_words(effects.get("many"))],
            [[["dim", "nobody owned"]], _effect_words(effects.get("nobody"))],
            [[["dim", "frozen"]], _effect_words(effects.get("frozen"))],
            [[["dim", "handled twice"]], [["b", numbers.many(self.model.again(flag), "message")]]],
        ]

    def living(self) -> list[str]:
        return [n for n in self.consumers() if self.roster.really(n) == "alive"]

    def _inputs_block(self) -> Block:
        rows = []
        for node in self.living():
            used = self.model.inputs.get(node)
            if used is not None:
                seen = " ".join(used.members)
                rows.append(
                    [
                        [["g", self.roster.glyph_of(node)]],
                        [["dim", "saw "], seen],
                        f"{used.strategy} · {used.queues}",
                    ]
                )
        conflict, words = self.model.verdict(self.living())
        verdict: Parts = [["tag" if conflict else "b", words]] if rows else [["dim", "no sum yet"]]
        made = block(
            "inputs each one used for its sum",
            rows=[*rows, ["", verdict, ""]],
            ruled=False,
            num=[2],
        )
        return made

    def _steps_block(self, flag: Flag | None, now: int) -> list[Block]:
        if flag is None:
            return []
        _, right = self.model.window(flag, now)
        steps = self.model.steps(flag.at_micros - 2_000, right)[:STEPS_SHOWN]
        rows = [[[["b", _offset_text(s.at_micros - flag.at_micros)]], step_words(s)] for s in steps]
        return [block("what happened then, in ms", rows=rows, ruled=False, tight=True)]

    def table(self, now: int) -> Block:
        rows = []
        for queue in self.model.queues:
            for span in self.ownership.spans(queue)[-16:]:
                end = "now" if span.end is None else numbers.clock(span.end - self.started_micros)
                who = listing(map(label, span.owners)) or "nobody"
                words = {"one": who, "frozen": f"{who} (frozen)", "many": f"{who} (two owners)"}
                begin = numbers.clock(span.start - self.started_micros)
                rows.append(
                    [
                        queue_name(queue),
                        words.get(span.kind, who),
                        begin,
                        end,
                        numbers.duration(span.length(now)),
                    ]
                )
        return block(cols=["queue", "owner", "from", "to", "length"], rows=rows, num=[2, 3, 4])

    def owners_text(self) -> str:
        parts = []
        for node in self.consumers():
            held = self.ownership.held_by(node)
            if held:
                parts.append(f"{label(node)} has {queue_span(held, len(self.model.queues))}")
        return ", ".join(parts) if parts else "nobody owns a queue"

    def say(self, now: int) -> Parts:
        """The sentence for this instant, from the newest cause and what is still open."""
        open_spans = self._open_twice()
        flag = self.model.flags[-1] if self.model.flags else None
        if open_spans is not None:
            return open_spans_sentence(self, open_spans, now)
        if flag is None:
            owners = self.owners_text()
            return say("rebalance.calm", owners=owners[0].upper() + owners[1:])
        return flag_sentence(self, flag, now)

    def _open_twice(self) -> list[tuple[Queue, Span]] | None:
        found = [
            (q, spans[-1])
            for q in self.model.queues
            if (spans := self.ownership.spans(q)) and spans[-1].kind == "many"
        ]
        return found or None


def open_spans_sentence(
    picture: RebalancePicture, spans: list[tuple[Queue, Span]], now: int
) -> Parts:
    length = max(span.length(now) for _, span in spans)
    _, verdict = picture.model.verdict(picture.living())
    have = "has" if len(spans) == 1 else "have"
    queues = queue_span(q for q, _ in spans)
    words = verdict[0].upper() + verdict[1:] + "."
    return say(
        "rebalance.twice", queues=queues, have=have, length=numbers.duration(length), verdict=words
    )


def flag_sentence(picture: RebalancePicture, flag: Flag, now: int) -> Parts:
    """The newest cause with its effects, and who has what now."""
    model, who = picture.model, label(flag.node)
    effects = model.effects(flag, now)
    if flag.kind == "frozen":
        frozen = next((e for e in effects if e.kind == "frozen"), None)
        return _frozen_sentence(picture, flag, frozen, now)
    texts = "".join(_effect_clause(e) for e in effects if e.kind != "frozen")
    again = model.again(flag)
    more = clause("effect.again", messages=numbers.many(again, "message")) if again else ""
    calm = "" if flag.kind == "broker" else clause("effect.none")
    values = {
        "who": who,
        "effects": (texts or calm).rstrip(),
        "again": f" {more}" if more else "",
        "owners": picture.owners_text(),
    }
    if flag.kind == "broker":
        what = flag.word.removeprefix(f"{who} ")
        return say(
            "rebalance.broker", who=who, what=f"got {what}", effects=texts, owners=values["owners"]
        )
    if flag.kind == "woke":
        two = next((e for e in effects if e.kind == "many"), None)
        values["believing"] = (
            f" still believing it owned **{queue_span(two.queues)}**" if two else ""
        )
    return say(f"rebalance.{flag.kind}", **values)


def _frozen_sentence(
    picture: RebalancePicture, flag: Flag, effect: Effect | None, now: int
) -> Parts:
    who = label(flag.node)
    if effect is None:
        return say("rebalance.frozen_idle", who=who)
    length, queues = numbers.duration(effect.most), queue_span(effect.queues)
    if not effect.open:
        return say("rebalance.frozen_taken", who=who, length=length, queues=queues)
    person = picture.roster.person(flag.node)
    return say(
        "rebalance.frozen",
        who=who,
        queues=queues,
        length=length,
        belief=belief_words(person),
        drop=drop_words(person, now),
    )


def belief_words(person: Person | None) -> str:
    if person is None or not person.seen_by:
        return ""
    alive = [b.alive for b in person.seen_by.values()]
    if all(alive):
        return ", and everybody still believes it alive"
    return ", and some still believe it alive" if any(alive) else ", and the brokers know"


def drop_words(person: Person | None, now: int) -> str:
    """When the brokers will drop it at the latest, if that is known."""
    ends = [
        belief.expires_micros
        for belief in (person.seen_by.values() if person else ())
        if belief.alive and belief.expires_micros is not None
    ]
    if not ends or max(ends) <= now or person is None:
        return ""
    return f". The brokers will drop {person.who} in **{numbers.duration(max(ends) - now)}**"


def _effect_clause(effect: Effect) -> str:
    kind = "effect.gap" if effect.kind == "nobody" else "effect.two"
    have = "has" if len(effect.queues) == 1 else "have"
    length = numbers.between(effect.least, effect.most)
    return clause(
        f"{kind}_open" if effect.open else kind,
        queues=queue_span(effect.queues),
        length=length,
        have=have,
    )


def _effect_words(effect: Effect | None) -> Any:
    if effect is None:
        return "0 ms"
    more = " so far" if effect.open else ""
    return [
        ["b", f"{numbers.many(len(effect.queues), 'queue')}, {numbers.duration(effect.most)}{more}"]
    ]


def _offset_text(micros: int) -> str:
    """+31 in milliseconds, +5.6 s above a second."""
    if abs(micros) >= 1_000_000:
        return f"{micros / 1e6:+.1f} s"
    return f"{micros / 1000:+.0f}" if abs(micros) >= 500 else "0"


def _flag_glyph(flag: Flag) -> dict[str, Any]:
    who = label(flag.node)
    name = flag.node.removeprefix("broker-").upper() if flag.node.startswith("broker") else who
    state = {"killed": "dead", "ended": "dead", "frozen": "frozen"}.get(flag.kind, "alive")
    if flag.kind == "broker":
        state = {"SIGSTOP": "frozen", "SIGCONT": "alive"}.get(flag.word.split()[-1], "dead")
    return {"who": name, "really": state}


def _unit(width_micros: int) -> float:
    return 1e6 if width_micros > 2_000_000 else 1e3


def _enlarged_axis(left: int, right: int) -> dict[str, Any]:
    unit, name = _unit(right - left), " s" if _unit(right - left) == 1e6 else " ms"
    step = nice_step((right - left) / unit / 5)
    first = -int(-left / unit // step) * step
    vals = [first + i * step for i in range(int((right / unit - first) / step) + 1)]
    texts = [f"{'+' if v > 0 else ''}{v:g}{name if v else ''}" for v in vals]
    return {"range": [left / unit, right / unit], "tickvals": vals, "ticktext": texts}


def nice_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, at least `rough`."""
    step = 1e-6
    while step * 10 <= rough:
        step *= 10
    return next(step * f for f in (1, 2, 5, 10) if step * f >= rough - 1e-12)


def seconds_labels(vals: list[float]) -> list[str]:
    return ["0" if not v else f"{v:g} s" for v in vals]


def bar_trace(who: str, state: str, axis: str = "") -> dict[str, Any]:
    """One trace for an owner in one state; hatched when frozen."""
    colour = f"@{who}" if who in {f"C{n}" for n in range(1, 7)} else "@nb"
    marker: dict[str, Any] = {"color": colour, "line": {"width": 0}}
    if state == "frozen":
        marker["pattern"] = {
            "shape": "/",
            "fgcolor": colour,
            "bgcolor": "@bg",
            "fillmode": "overlay",
            "fgopacity": 1,
            "solidity": 0.45,
            "size": 6,
        }
        marker["line"] = {"width": 1.5, "color": colour}
        marker["color"] = "@bg"
    return {
        "type": "bar",
        "orientation": "h",
        "name": f"{who} {state}{axis}",
        "marker": marker,
        "base": [],
        "x": [],
        "y": [],
        "width": [],
        "hoverinfo": "skip",
        "cliponaxis": True,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


class Bars:
    """Collects bars by (owner, state) into the slots of the traces."""

    def __init__(self, consumers: list[str]) -> None:
        self.trace_of = {node: place * 2 for place, node in enumerate(consumers)}
        self._step = 2 * len(consumers)
        self._first = 0
        self._bars: dict[int, list[tuple[float, float, float, float]]] = {
            t: [] for t in range(self._step)
        }

    def next_axis(self) -> None:
        self._first += self._step
        self._bars |= {t: [] for t in range(self._first, self._first + self._step)}

    def add(
        self, node: str, frozen: bool, start: float, end: float, top: float, height: float
    ) -> None:
        if node in self.trace_of and end > start:
            trace = self._first + self.trace_of[node] + frozen
            self._bars[trace].append((start, end - start, top + height / 2, height))

    def add_span(
        self, span: Span, low: int, high: int, scale: Any, top: float, height: float
    ) -> None:
        """One owner: full height; several share the height."""
        start, end = scale(max(span.start, low)), scale(min(span.end or high, high))
        part = height / max(1, len(span.owners))
        for place, node in enumerate(span.owners):
            self.add(node, span.kind == "frozen", start, end, top + place * part, part)

    def slots(self) -> dict[int, list[float]]:
        made: dict[int, list[float]] = {}
        for trace, bars in self._bars.items():
            kept = bars[-BARS_MAX:]
            for column in range(4):
                made[4 * trace + column] = [bar[column] for bar in kept]
        return made


def span_marks(
    span: Span, low: int, high: int, scale: Any, top: float, height: float, now: int | None = None
) -> list[Mark]:
    """Letters, dashed boxes and heavy frames of one span; with `now` also its length as a tag."""
    start, end = scale(max(span.start, low)), scale(min(span.end or high, high))
    middle, box = top + height / 2, {"x0": start, "x1": end, "y0": top, "y1": top + height}
    name = label(span.owners[0]) if span.owners else ""
    tag: Mark = {
        "k": "tag",
        "x": (start + end) / 2,
        "a": "middle",
        "y": middle,
        "from": start,
        "fit": end,
    }
    if span.kind == "one":
        size = {"size": 10} if height < 14 else {}
        return [
            {
                "k": "text",
                "x": start,
                "dx": 6,
                "y": middle,
                "t": name,
                "on": True,
                "fit": end,
                **size,
            }
        ]
    more = " so far" if span.end is None else ""
    if span.kind == "frozen":
        marks: list[Mark] = [
            {"k": "letter", "x": start, "y": middle, "t": name, "fit": end, "h": height}
        ]
        word = "frozen"
    elif span.kind == "nobody":
        marks = [{"k": "rect", **box, "line": "@ink", "dash": "4 3", "least": 3}]
        word = "nobody"
    else:
        marks = [{"k": "rect", **box, "line": "@ink", "w": 2, "frame": True, "least": 3}]
        word = "two owners"
    if now is not None:
        marks.append({**tag, "t": f"{word} {numbers.duration(span.length(now))}{more}"})
    return marks


def _prediction_marks(
    prediction: tuple[float, float | None], unit_millis: float, y: float
) -> Iterable[Mark]:
    said, was = prediction
    place = {"xa": "x2", "ya": "y2", "y": y, "k": "shape", "s": "diamond", "r": 6, "line": "@ink"}
    yield {**place, "x": said / unit_millis, "fill": "@bg", "tip": f"you said {said:g} ms"}
    if was is not None:
        yield {**place, "x": was / unit_millis, "fill": "@ink", "tip": f"it was {was:g} ms"}


def key_items() -> list[Parts]:
    """The key under the picture."""

    def box(*marks: Mark) -> list[Any]:
        return ["svg", {"w": 34, "h": 14, "m": list(marks)}]

    area = {"k": "rect", "x0": 1, "x1": 33, "y0": 1, "y1": 13}
    half = {"k": "rect", "x0": 1, "x1": 33}
    return [
        [box({**area, "fill": "@C1"}), "served by C1"],
        [box({**area, "hatch": "C1"}), "owner frozen, nobody serves"],
        [box({**area, "line": "@ink", "dash": "4 3"}), "nobody owns it"],
        [
            box(
                {**half, "y0": 1, "y1": 7, "fill": "@C1"},
                {**half, "y0": 7, "y1": 13, "fill": "@C3"},
                {**area, "line": "@ink", "w": 2},
            ),
            "two own it: messages handled twice",
        ],
    ]
