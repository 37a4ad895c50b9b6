"""What everybody believes of the brokers in words: right now, as a table, as a sentence."""

from __future__ import annotations

from typing import Any

from widgets.view import numbers
from widgets.view.names import label, letter, listing, queue_name, queue_span
from widgets.view.parts import Block, Parts, block, plain_text
from widgets.view.roster import RosterModel
from widgets.view.route import RouteModel, Turn
from widgets.view.sentences import clause, say


class RouteWords:
    """The matrix of right now, the table twin and the sentence."""

    def __init__(self, model: RouteModel, roster: RosterModel, started_micros: int) -> None:
        self.model, self.roster, self.started_micros = model, roster, started_micros

    def seconds(self, micros: float) -> float:
        return (micros - self.started_micros) / 1e6

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
        title = f"right now, {self.seconds(now):.1f} s"
        cols = ["", *(letter(b) for b in brokers), "will notice in"]
        return [block(title, cols, rows), block(rows=self._sends(), ruled=False)]

    def _sends(self) -> list[list[Any]]:
        """Where the next message of each producer goes, by what it believes."""
        rows = []
        for who in self.model.observers():
            turn = self.model.turn(who) if who.startswith("producer") else None
            if turn is not None:
                rows.append([[["dim", f"{label(who)} sends to"]], self._destination(turn)])
        return rows

    def _destination(self, turn: Turn) -> Parts:
        if not turn.queues:
            return [["b", "nothing: no route"]]
        following, everything = turn.next(), queue_span(turn.queues)
        if following is None:
            return [["b", everything], " in turn"]
        words: Parts = [["b", queue_name(following)], f" next, of {everything}"]
        state = self.model.truth(following.broker)
        return (
            words if state == "alive" else [*words, " ", ["tag", f"{following.broker} is {state}"]]
        )

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
        if look is not None and look.kind == "poll" and not self._name_server_lives():
            return [["b", "nobody tells it"]]
        if look is None:
            return [["dim", "?"]]
        left = look.at_micros - now
        if left <= 0:
            return [["b", "its next scan" if look.kind == "limit" else "its next poll"]]
        share = left / max(1, look.period_micros)
        return [["fill", min(1.0, share)], ["b", f"{numbers.duration(left)} ({look.kind})"]]

    def _name_server_lives(self) -> bool:
        servers = [who for who in self.model.observers() if who.startswith("namesrv")]
        brokers = self.model.names()
        return any(self.model.believes(who, b) is not None for who in servers for b in brokers)

    def table(self, now: int) -> Block:
        rows = []
        for broker in self.model.names():
            for who in self.model.observers():
                spans = self.model.wrong_spans(who, broker, now)
                total = sum(end - start for start, end, _ in spans)
                wrong = numbers.duration(total) if spans else "never"
                thinks = {True: "up", False: "dead", None: "nothing"}[
                    self.model.believes(who, broker)
                ]
                at_1 = numbers.duration(total * self.roster.pace) if spans else ""
                rows.append([broker, self.model.truth(broker), label(who), thinks, wrong, at_1])
        for sends, where in self._sends():
            rows.append(["", "", plain_text(sends), plain_text(where), "", ""])
        cols = ["broker", "really", "observer", "thinks", "was wrong for", "that is, at ×1"]
        return block(cols=cols, rows=rows)

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
        knew: list[str] = []
        still = []
        for who in self.model.observers():
            spans = [s for s in self.model.wrong_spans(who, broker, now) if s[1] >= since]
            if spans and spans[-1][2]:
                still.append(label(who))
            elif spans:
                took = numbers.duration(spans[-1][1] - since)
                knew.append(f"{label(who)}{'' if knew else ' noticed'} after {took}")
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
            knows=clause("route.knows", who=listing(knew)) if knew else "",
            wrong=wrong,
        )
