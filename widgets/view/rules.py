"""Rules that hold in every run, each with a judge that answers with the events that break it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minimq.telemetry.event import Event
from widgets.learning.judging import Breach, Rule
from widgets.view.names import Queue
from widgets.view.offsets import OffsetModel
from widgets.view.ownership import OwnershipModel

AROUND = 4
LIVE_EVENTS = (
    "consumer.listener.started", "consumer.listener.complete", "offset.updated", "offset.reported",
    "offset.loaded", "broker.offset.committed", "rebalance.queue.added", "rebalance.queue.dropped",
    "node.exited",
)  # fmt: skip


def _place(event: Event) -> tuple[str, str, int]:
    fields = event.fields
    broker = str(fields.get("broker_name") or event.process)
    return (str(fields.get("topic")), broker, int(fields.get("queue_id") or 0))


def around(events: Sequence[Event], breaking: Event) -> Breach:
    """The breaking event with its neighbours on the same queue."""
    place = _place(breaking)
    same = [
        e
        for e in events
        if e.name in LIVE_EVENTS and (_place(e) == place or e.name == "node.exited")
    ]
    position = same.index(breaking)
    first = max(0, position - AROUND)
    return Breach(same[first : position + AROUND + 1], position - first)


def first_tries(events: Sequence[Event]) -> Iterator[Event]:
    """Without a listener's events of retries: they tell the origin's topic, not their own place."""
    retried: set[tuple[str, object]] = set()
    for event in events:
        if event.name == "consumer.listener.started" and event.fields.get("reconsume_times"):
            retried.add((event.process, event.fields["uniq_key"]))
        elif event.name == "consumer.listener.complete":
            name = (event.process, event.fields["uniq_key"])
            if name not in retried:
                yield event
            retried.discard(name)
        else:
            yield event


def _offsets(event: Event) -> range:
    first = int(event.fields["queue_offset"] or 0)
    return range(first, first + int(event.fields.get("count") or 1))


def _commit_passes(events: Sequence[Event]) -> Breach | None:
    running: dict[tuple[str, str, str, int], set[int]] = {}
    for event in first_tries(events):
        if event.name not in LIVE_EVENTS or "queue_offset" not in event.fields:
            continue
        open_ = running.setdefault((event.process, *_place(event)), set())
        offset = int(event.fields["queue_offset"] or 0)
        if event.name == "consumer.listener.started":
            open_.update(_offsets(event))
        elif event.name == "consumer.listener.complete":
            open_.difference_update(_offsets(event))
        elif event.name in ("offset.updated", "offset.reported") and open_ and offset > min(open_):
            breach = around(events, event)
            breach.note = f"oldest unfinished is {min(open_)}"
            return breach
    return None


def _commit_goes_back(events: Sequence[Event]) -> Breach | None:
    highest: dict[tuple[object, ...], int] = {}
    for event in events:
        if event.name == "broker.offset.committed":
            offset = int(event.fields["queue_offset"] or 0)
            place = (event.fields["consumer_group"], *_place(event))
            if offset < highest.get(place, 0):
                breach = around(events, event)
                breach.note = f"it was {highest[place]} before"
                return breach
            highest[place] = offset
    return None


def _two_owners(events: Sequence[Event]) -> Breach | None:
    """Two living owners at the end of the run, not for a moment while queues move."""
    model = OwnershipModel()
    for event in events:
        model.apply(event)
    for queue in model.queues:
        spans = model.spans(queue)
        if spans and spans[-1].kind == "many":
            last = [e for e in events if e.name == "rebalance.queue.added" and _is_queue(e, queue)]
            breach = around(events, last[-1])
            breach.note = "nobody dropped it"
            return breach
    return None


def _is_queue(event: Event, queue: Queue) -> bool:
    return _place(event)[1:] == (queue.broker, queue.number)


def _skipped(events: Sequence[Event]) -> Breach | None:
    """A broker's position passed a message that was seen stored, and that no listener got."""
    stored: dict[tuple[str, str, int], set[int]] = {}
    got: dict[tuple[str, str, int], set[int]] = {}
    for event in first_tries(events):
        if event.name == "store.message.appended":
            stored.setdefault(_place(event), set()).update(_offsets(event))
        elif event.name == "consumer.listener.started":
            got.setdefault(_place(event), set()).update(_offsets(event))
        elif event.name == "broker.offset.committed" and got.get(_place(event)):
            place, offset = _place(event), int(event.fields["queue_offset"] or 0)
            missing = {
                n for n in stored.get(place, set()) - got[place] if min(got[place]) < n < offset
            }
            if missing:
                breach = around(events, event)
                breach.note = f"#{min(missing)} was never handled"
                return breach
    return None


def _all_handled(events: Sequence[Event]) -> Breach | None:
    model = OffsetModel()
    for event in events:
        model.apply(event)
    for queue in model.queues:
        if model.at(queue).lag().not_pulled:
            stored = [e for e in events if e.name == "store.queue.advanced" and _is_queue(e, queue)]
            return Breach(stored[-1:], 0, f"{model.at(queue).lag().not_pulled} were never pulled")
    return None


COMMIT_NEVER_PASSES = Rule(
    "the commit never passes an unfinished message.", _commit_passes,
    "Whatever happens to its consumer, an unfinished message comes again.",
)  # fmt: skip
COMMIT_NEVER_GOES_BACK = Rule(
    "the broker's position never goes back.", _commit_goes_back,
    "What was reported once is not repeated by a later owner.",
)  # fmt: skip
ONE_OWNER = Rule(
    "in the end every queue has at most one owner.", _two_owners,
    "The same inputs and the same rule give each queue to one member.",
)  # fmt: skip
NONE_SKIPPED = Rule(
    "no message is skipped.", _skipped, "Repeated is allowed, lost is not.",
)  # fmt: skip
ALL_HANDLED = Rule(
    "every stored message reaches a listener.", _all_handled, "No queue is left alone."
)
EVERY_RUN = (COMMIT_NEVER_PASSES, COMMIT_NEVER_GOES_BACK, ONE_OWNER, NONE_SKIPPED)
