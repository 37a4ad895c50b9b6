"""Three plots on one time axis: who serves, what is not yet safe, send to listener."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.axes import nice_step, time_window
from widgets.view.names import label, listing, queue_span
from widgets.view.parts import Mark, Parts
from widgets.view.rebalance import Flag, RebalanceModel
from widgets.view.rebalance_picture import RebalancePicture
from widgets.view.rebalance_words import drop_words, flag_sentence
from widgets.view.roster import RosterModel
from widgets.view.sentences import say
from widgets.view.traffic import TrafficModel, log_range, log_ticks

ROW = 11
LEFT, RIGHT, TOP, BOTTOM = 46, 18, 64, 22
HEAD = 30
AREA, DOTS = 92, 92
DOTS_PER_OWNER_MAX = 300
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "pentagon", "star")
AREAS = (("unreported", "@shade2"), ("in the window", "@line"), ("not pulled", "@ink"))
RECENT_MICROS = 8_000_000


class PlaygroundPicture:
    """The owner strip of `rebalance_picture` with two plots below it."""

    def __init__(
        self, rebalance: RebalanceModel, traffic: TrafficModel, roster: RosterModel, started: int
    ) -> None:
        self.strip = RebalancePicture(rebalance, roster, started, row=ROW, lanes=False)
        self.rebalance, self.traffic, self.roster = rebalance, traffic, roster
        self.started_micros = started

    def seconds(self, micros: float) -> float:
        return (micros - self.started_micros) / 1e6

    def figure(self) -> tuple[dict[str, Any], list[list[Any]]]:
        spec, slots = self.strip.figure()
        strip = self.strip.main_height()
        inner = strip + 2 * HEAD + AREA + DOTS
        data: list[dict[str, Any]] = list(spec["data"])
        layout: dict[str, Any] = dict(spec["layout"])
        layout["yaxis"] = {**layout["yaxis"], "domain": [1 - strip / inner, 1]}
        layout["yaxis2"] = {
            "domain": [(HEAD + DOTS) / inner, (HEAD + DOTS + AREA) / inner],
            "range": [0, 10],
            "nticks": 3,
        }
        vals, texts = log_ticks()
        layout["yaxis3"] = {
            "type": "log",
            "domain": [0, DOTS / inner],
            "range": log_range(),
            "tickvals": vals,
            "ticktext": texts,
        }
        layout["xaxis"] = {**layout["xaxis"], "anchor": "y3"}
        for name, colour in AREAS:
            slots += [[len(data), "x"], [len(data), "y"]]
            data.append(_area(name, colour))
        for place, node in enumerate(self.strip.consumers()):
            slots += [[len(data), "x"], [len(data), "y"]]
            data.append(_dots(label(node), SYMBOLS[place % 6]))
        slots += [[len(data), "x"], [len(data), "y"]]
        data.append(_oldest())
        sides = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
        return {
            "data": data,
            "layout": layout,
            "height": round(TOP + inner + BOTTOM),
            **sides,
        }, slots

    # -- arrays -------------------------------------------------------------------------------
    def arrays(self, now: int, everything: bool) -> dict[int, list[float]]:
        """Bars and the newest areas at each frame; dots only when `everything`."""
        made = self.strip.arrays(now)
        start, _ = time_window(self.seconds(now))
        slot = len(made)
        samples = [s for s in self.traffic.samples if self.seconds(s.at_micros) >= start]
        times = [self.seconds(s.at_micros) for s in samples]
        for values in (
            [s.unreported for s in samples],
            [s.in_window for s in samples],
            [s.not_pulled for s in samples],
        ):
            made[slot], made[slot + 1] = list(times), [float(v) for v in values]
            slot += 2
        if not everything:
            return made
        for node in self.strip.consumers():
            dots = [
                d
                for d in self.traffic.dots
                if d.process == node and self.seconds(d.at_micros) >= start
            ]
            keep = max(1, -(-len(dots) // DOTS_PER_OWNER_MAX))
            made[slot] = [self.seconds(d.at_micros) for d in dots[::keep]]
            made[slot + 1] = [d.millis for d in dots[::keep]]
            slot += 2
        made[slot], made[slot + 1] = self._oldest_line(now)
        return made

    def _oldest_line(self, now: int) -> tuple[list[float], list[float]]:
        """The age of the oldest undelivered message since it was sent, once it is worth a look."""
        since = self.traffic.oldest_since()
        if since is None or now - since < 100_000:
            return [], []
        points = [since + (now - since) * n // 24 for n in range(1, 25)]
        return [self.seconds(p) for p in points], [(p - since) / 1000 for p in points]

    # -- marks --------------------------------------------------------------------------------
    def picture(self, now: int) -> dict[str, Any]:
        made = self.strip.picture(now)
        start, _ = time_window(self.seconds(now))
        for flag in made["flags"]:
            flag["top"], flag["bottom"] = 28, TOP + self.strip.main_height()
        made["marks"] = [
            *made["marks"],
            *self._cause_lines(start),
            *self._heads(),
            *self._tags(now, start),
        ]
        for mark in made["marks"]:
            if mark["k"] == "text" and mark.get("a") == "end" and mark.get("xa") == "px":
                mark.update(x=LEFT - 8, small=True)
        most = max(
            (s.not_pulled + s.in_window + s.unreported for s in self.traffic.samples), default=0
        )
        top = max(10.0, nice_step(1.15 * most))
        made["layout"]["yaxis2"] = {"range": [0, top], "tickvals": [0, top / 2, top]}
        return made

    def _heads(self) -> Iterable[Mark]:
        strip = self.strip.main_height()
        head = {"k": "text", "xa": "px", "ya": "px", "x": 0, "b": True, "halo": True}
        yield {**head, "y": 8, "t": "1  Who serves"}
        second = TOP + strip + 16
        yield {**head, "y": second, "t": "2  Messages not yet safe, by cause"}
        for place, (name, colour) in enumerate(reversed(AREAS)):
            at = {"xa": "right", "ya": "px"}
            x = (262, 176, 74)[place]
            yield {
                **at,
                "k": "rect",
                "x0": x,
                "x1": x - 10,
                "y0": second - 5,
                "y1": second + 5,
                "fill": colour,
                "line": "@line",
                "w": 1,
            }
            yield {**at, "k": "text", "x": x - 14, "y": second, "t": name, "small": True}
        yield {
            **head,
            "y": second + HEAD + AREA,
            "t": "3  Send to listener, one dot = one message (log)",
        }

    def _cause_lines(self, start: float) -> Iterable[Mark]:
        """Causes cross all three plots."""
        low, high = (
            TOP + self.strip.main_height() + HEAD,
            TOP + self.strip.main_height() + 2 * HEAD + AREA + DOTS,
        )
        for flag in self.rebalance.flags:
            at = self.seconds(flag.at_micros)
            if at >= start:
                yield {
                    "k": "line",
                    "x0": at,
                    "x1": at,
                    "ya": "px",
                    "y0": low,
                    "y1": high,
                    "dash": "1.5 3",
                }

    def _tags(self, now: int, start: float) -> Iterable[Mark]:
        area_top = TOP + self.strip.main_height() + HEAD
        for place, flag in enumerate(self.rebalance.flags):
            again, at = self.rebalance.again(flag), self.seconds(flag.at_micros)
            if again and at >= start:
                yield {
                    "k": "tag",
                    "x": at,
                    "dx": 4,
                    "ya": "px",
                    "y": area_top + 30 + 20 * (place % 2),
                    "t": f"{again} handled again",
                }
        last = self.traffic.samples[-1] if self.traffic.samples else None
        if last is not None and last.not_pulled >= 10:
            words = f"not pulled: {numbers.count(last.not_pulled)}"
            yield {
                "k": "text",
                "x": self.seconds(now),
                "dx": -6,
                "ya": "px",
                "y": area_top + 10,
                "t": words,
                "b": True,
                "a": "end",
                "halo": True,
            }
        oldest = self.traffic.oldest_waiting(now)
        if oldest is not None and oldest > 300:
            words = f"oldest undelivered: {numbers.duration(oldest * 1000)}"
            yield {
                "k": "text",
                "x": self.seconds(now),
                "dx": -6,
                "ya": "px",
                "y": area_top + AREA + HEAD + 12,
                "t": words,
                "b": True,
                "a": "end",
                "halo": True,
            }

    # -- words --------------------------------------------------------------------------------
    def say(self, now: int) -> Parts:
        frozen = self._frozen_flag()
        if frozen is not None:
            return self._frozen_sentence(frozen, now)
        flag = self.rebalance.flags[-1] if self.rebalance.flags else None
        if flag is not None and (now - flag.at_micros < RECENT_MICROS or flag.kind == "woke"):
            return flag_sentence(self.strip, flag, now)
        if not self.rebalance.ownership.ever_owned():
            return say("play.ready")
        waiting = self.traffic.offsets.total().total
        median = self.traffic.median_millis()
        latency = (
            f"half of the messages reach a listener within {numbers.duration(median * 1000)}"
            if median
            else "no message has reached a listener"
        )
        owners = self.strip.owners_text()
        verb = "is" if waiting == 1 else "are"
        return say(
            "play.steady",
            gone=self._brokers_gone(),
            owners=owners[0].upper() + owners[1:],
            waiting=f"{numbers.many(waiting, 'message')} {verb}",
            latency=latency,
        )

    def _brokers_gone(self) -> str:
        """Which brokers are dead, and what nobody serves."""
        idle = [q for q in self.rebalance.queues if self.rebalance.ownership.nobody_owns(q)]
        dead = [person.node for person in self.roster.brokers() if person.really == "dead"]
        if not dead:
            return f"Nobody serves **{queue_span(idle)}**. " if idle else ""
        be = "is" if len(dead) == 1 else "are"
        served = f", and nobody serves **{queue_span(idle)}**" if idle else ""
        return f"**{listing(dead)} {be} dead**{served}. "

    def _frozen_flag(self) -> Flag | None:
        open_ = [
            f
            for f in self.rebalance.flags
            if f.kind == "frozen" and self.roster.really(f.node) == "frozen"
        ]
        return open_[-1] if open_ else None

    def _frozen_sentence(self, flag: Flag, now: int) -> Parts:
        person = self.roster.person(flag.node)
        effects = [e for e in self.rebalance.effects(flag, now) if e.kind == "frozen" and e.open]
        if person is None or not effects:
            return flag_sentence(self.strip, flag, now)
        seen = [b.alive for b in person.seen_by.values()]
        belief = (
            "everybody still believes it alive"
            if all(seen)
            else "not everybody knows"
            if any(seen)
            else "the brokers know"
        )
        drop = drop_words(person, now)
        waiting = sum(self.traffic.offsets.at(q).lag().not_pulled for q in effects[0].queues)
        return say(
            "play.frozen",
            who=person.who,
            belief=belief,
            queues=queue_span(effects[0].queues),
            length=numbers.duration(effects[0].most),
            waiting=numbers.many(waiting, "message"),
            drop=f"{drop[1:]}." if drop else "",
        )


def _area(name: str, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "stackgroup": "lag",
        "fillcolor": colour,
        "line": {"width": 0, "color": colour, "shape": "hv"},
        "x": [],
        "y": [],
        "xaxis": "x",
        "yaxis": "y2",
        "hoverinfo": "skip",
    }


def _dots(who: str, symbol: str) -> dict[str, Any]:
    colour = f"@{who}" if who in {f"C{n}" for n in range(1, 7)} else "@nb"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"dots {who}",
        "x": [],
        "y": [],
        "xaxis": "x",
        "yaxis": "y3",
        "marker": {"color": colour, "symbol": symbol, "size": 5, "opacity": 0.8},
        "hoverinfo": "skip",
    }


def _oldest() -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "oldest",
        "x": [],
        "y": [],
        "xaxis": "x",
        "yaxis": "y3",
        "line": {"color": "@ink", "width": 1.5, "dash": "dash"},
        "hoverinfo": "skip",
    }
