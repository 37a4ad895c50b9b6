"""Questions to nodes under way, and what each node last said of itself."""

from __future__ import annotations

from typing import Any

from minimq.cluster.channel import Message
from minimq.cluster.port import Port, Reply
from minimq.cluster.roster import Options, Record


class NodeCalls:
    """A node that dies before it answers answers all its questions so."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self._calls: dict[int, tuple[str, Reply]] = {}
        self._next_id = 0

    def ask(self, record: Record, op: str, args: Options, reply: Reply) -> None:
        self._next_id += 1
        self._calls[self._next_id] = (record.name, reply)
        self.port.post(record, {"id": self._next_id, "op": op, "args": args})

    def answered(self, record: Record, message: Message) -> None:
        """The node's answer; one that came too late is nobody's."""
        _, reply = self._calls.pop(message["id"], ("", None))
        error = message.get("error")
        if reply is None:
            return
        if error:
            reply.error(f"{record.name}: {error}")
        else:
            reply.ok(message.get("ok"))

    def died(self, record: Record) -> None:
        for id_, (name, reply) in list(self._calls.items()):
            if name == record.name:
                del self._calls[id_]
                reply.error(f"{record.name} died before it answered")

    def ask_snapshot(self, record: Record, reply: Reply) -> None:
        def answered(value: Any, error: str | None) -> None:
            if error is None and isinstance(value, dict):
                record.snapshot, record.snapshot_micros = value, self.port.now_micros()
                reply.ok({**value, "age_millis": 0, "stale": False})
            else:
                reply.ok(self.last_snapshot(record))

        self.ask(record, "snapshot", {}, Reply(answered))

    def last_snapshot(self, record: Record) -> Options:
        taken = record.snapshot_micros
        age = None if taken is None else (self.port.now_micros() - taken) // 1_000
        return {**record.snapshot, "age_millis": age, "stale": True}
