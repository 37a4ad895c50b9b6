"""A rebalance in words: before and now, the inputs of each sum, the steps, the sentence."""

from __future__ import annotations

from typing import Any

from widgets.view import numbers
from widgets.view.dry_run import STRATEGIES, DryRun
from widgets.view.names import Queue, label, listing, queue_name, queue_span
from widgets.view.ownership import Span
from widgets.view.parts import Block, Parts, block
from widgets.view.person import Person
from widgets.view.rebalance import Flag, RebalanceModel, step_words
from widgets.view.rebalance_effects import Effect
from widgets.view.rebalance_scene import RebalanceScene
from widgets.view.roster import RosterModel
from widgets.view.sentences import clause, say

STEPS_SHOWN = 7


class RebalanceWords(RebalanceScene):
    """Side blocks, the table twin and the sentence."""

    def __init__(self, model: RebalanceModel, roster: RosterModel, started_micros: int) -> None:
        super().__init__(model, roster, started_micros)
        self.dry_run = DryRun(self)

    def blocks(self, now: int) -> dict[str, list[Block]]:
        """What stands at the right of the plot, and the three columns below it."""
        flag = self.flag()
        return {
            "side": [*self._change_blocks(flag, now), *self._inputs_blocks()],
            "then": self._steps_block(flag, now),
            "asked": self.dry_run.controls(),
            "dry": self.dry_run.blocks(),
        }

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
            [[["dim", "several owned"]], _effect_words(effects.get("many"))],
            [[["dim", "nobody owned"]], _effect_words(effects.get("nobody"))],
            [[["dim", "frozen"]], _effect_words(effects.get("frozen"))],
            [[["dim", "handled twice"]], [["b", numbers.many(self.model.again(flag), "message")]]],
        ]

    def _inputs_blocks(self) -> list[Block]:
        used = {node: self.model.inputs.get(node) for node in self.living()}
        rows = [
            [[["g", self.roster.glyph_of(node)]], " ".join(one.members), one.strategy, one.queues]
            for node, one in used.items()
            if one is not None
        ]
        conflict, words = self.verdict()
        verdict: Parts = [["tag" if conflict else "b", words]] if rows else [["dim", "no sum yet"]]
        cols = ["", "saw", "rule", "queues"]
        table = block("inputs each one used for its sum", cols, rows, num=[3])
        return [table, block(rows=[[verdict]], ruled=False)]

    def verdict(self) -> tuple[bool, str]:
        """Did all do the same sum, and what does it mean when two own a queue nevertheless?"""
        conflict, words = self.model.verdict(self.living())
        if conflict:
            return True, words
        if self._open_twice() is None:
            return False, f"{words}: no conflict"
        used = [self.model.inputs[node] for node in self.living() if node in self.model.inputs]
        own = any(inputs.strategy not in STRATEGIES for inputs in used)
        return own, f"{words}: " + ("it gives a queue twice" if own else "one is about to let go")

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
                count = numbers.owners(len(span.owners), len(span.owners))
                words = {"frozen": f"{who} (frozen)", "many": f"{who} ({count})"}
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
    picture: RebalanceWords, spans: list[tuple[Queue, Span]], now: int
) -> Parts:
    length = max(span.length(now) for _, span in spans)
    _, verdict = picture.verdict()
    have = "has" if len(spans) == 1 else "have"
    queues = queue_span(q for q, _ in spans)
    words = verdict[0].upper() + verdict[1:] + "."
    if idle := [q for q in picture.model.queues if picture.ownership.nobody_owns(q)]:
        words += clause("rebalance.idle", queues=queue_span(idle))
    counts = [len(span.owners) for _, span in spans]
    owners = numbers.owners(min(counts), max(counts))
    duration = numbers.duration(length)
    return say(
        "rebalance.twice", queues=queues, have=have, owners=owners, length=duration, verdict=words
    )


def flag_sentence(picture: RebalanceWords, flag: Flag, now: int) -> Parts:
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
    if flag.kind == "cut":
        values["what"] = flag.word.replace("cut off", "is cut off from")
    if flag.kind == "woke":
        two = next((e for e in effects if e.kind == "many"), None)
        shared = [q for q in two.queues if model.shares(flag, q)] if two else []
        values["believing"] = (
            f" still believing it owned **{queue_span(shared)}**" if shared else ""
        )
    return say(f"rebalance.{flag.kind}", **values)


def _frozen_sentence(picture: RebalanceWords, flag: Flag, effect: Effect | None, now: int) -> Parts:
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
    kind = "effect.gap" if effect.kind == "nobody" else "effect.many"
    have = "has" if len(effect.queues) == 1 else "have"
    length = numbers.between(effect.least, effect.most)
    return clause(
        f"{kind}_open" if effect.open else kind,
        queues=queue_span(effect.queues),
        length=length,
        have=have,
        owners=numbers.owners(*effect.owners),
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
