"""One recorded event in words, for the slice of a run that breaks a rule."""

from __future__ import annotations

from minimq.telemetry.event import Event
from widgets.view.names import Queue, label, queue_name


def event_words(event: Event) -> str:
    """One event in words: finished a·3 #1203."""
    words = _WORDS.get(event.name)
    if words is None:
        return event.name
    fields = {name: "" if value is None else value for name, value in event.fields.items()}
    queue = ""
    if "queue_id" in fields:
        broker = str(fields.get("broker_name") or event.process)
        queue = queue_name(Queue(broker, int(fields["queue_id"] or 0)))
    named = {"queue": queue, "who": label(str(fields.get("node", ""))), "members": _members(event)}
    return words.format(**{**fields, **named})


def _members(event: Event) -> str:
    """C1 C2 from the client ids of a sum; a count as it is."""
    value = event.fields.get("members")
    if not isinstance(value, str):
        return str(value)
    return " ".join(
        label(member.partition("@")[2].split("#")[0]) for member in value.replace(",", " ").split()
    )


_WORDS = {
    "broker.consumer.joined": "a member joined, {members} now",
    "broker.consumer.left": "a member left, {members} now",
    "broker.delay.delivered": "a delayed message is due",
    "broker.hold.ended": "the hold of {queue} ended: {cause}",
    "broker.hold.suspended": "holds a pull of {queue} at #{queue_offset}",
    "broker.hold.swept": "swept the holds: {held} held, {ended} ended",
    "broker.offset.committed": "holds {queue} at {queue_offset}",
    "broker.pull.answered": "answers a pull of {queue}: {count} messages",
    "client.route.changed": "believes a new route: {brokers}",
    "client.started": "started",
    "consumer.listener.complete": "finished {queue} #{queue_offset}",
    "consumer.listener.started": "starts {queue} #{queue_offset}",
    "node.exited": "{who} gone, {signal}",
    "node.paused": "frozen",
    "node.resumed": "goes on",
    "offset.loaded": "takes {queue} up at {queue_offset}",
    "offset.reported": "reports {queue} at {queue_offset}",
    "offset.updated": "commit {queue} → {queue_offset}",
    "rebalance.queue.added": "takes {queue}",
    "rebalance.queue.dropped": "drops {queue}",
    "rebalance.started": "computes with the members {members}",
    "store.message.appended": "stored {queue} #{queue_offset} at byte {commit_log_offset}",
    "store.queue.advanced": "{queue} ends at {max_offset}",
}
