"""What a cause did to the owners: stretches without one, with several, or with a frozen one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from widgets.view.names import Queue
from widgets.view.ownership import Span


@dataclass(slots=True)
class Effect:
    """Stretches of one kind that a flag caused: nobody, many or frozen."""

    kind: str
    queues: list[Queue]
    least: int
    most: int
    open: bool
    owners: tuple[int, int]
    """The fewest and the most who owned one of these queues at once."""


@dataclass(slots=True)
class Stretch:
    """Spans that follow each other, of one kind: third owners may come and go in it."""

    queue: Queue
    kind: str
    start: int
    end: int | None
    owners: tuple[int, int]

    def length(self, now: int) -> int:
        return (now if self.end is None else self.end) - self.start


def effects_between(
    spans: Mapping[Queue, Sequence[Span]], start: int, end: int, now: int
) -> list[Effect]:
    """What began in [start, end): the longest first."""
    found: dict[tuple[str, bool], list[Stretch]] = {}
    for queue, all_spans in spans.items():
        begun = (span for span in all_spans if start <= span.start < end)
        for stretch in stretches(queue, begun):
            found.setdefault((stretch.kind, stretch.end is None), []).append(stretch)
    made = [_effect(stretches, now) for stretches in found.values()]
    return sorted(made, key=lambda effect: -effect.most)


def stretches(queue: Queue, spans: Iterable[Span]) -> Iterator[Stretch]:
    """All but the calm ones; a queue that several own is one stretch, however many they are."""
    last: Stretch | None = None
    for span in spans:
        count = len(span.owners)
        if (
            last is not None
            and span.kind == "many"
            and (last.kind, last.end) == ("many", span.start)
        ):
            low, high = last.owners
            last.end, last.owners = span.end, (min(low, count), max(high, count))
            continue
        if last is not None:
            yield last
        calm = span.kind == "one"
        last = None if calm else Stretch(queue, span.kind, span.start, span.end, (count, count))
    if last is not None:
        yield last


def _effect(found: list[Stretch], now: int) -> Effect:
    longest: dict[Queue, int] = {}
    for stretch in found:
        longest[stretch.queue] = max(longest.get(stretch.queue, 0), stretch.length(now))
    counts = [count for stretch in found for count in stretch.owners]
    return Effect(
        found[0].kind,
        sorted(longest),
        min(longest.values()),
        max(longest.values()),
        any(stretch.end is None for stretch in found),
        (min(counts), max(counts)),
    )
