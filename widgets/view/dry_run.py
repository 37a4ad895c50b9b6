"""What another strategy, or another number of members, would share out: the sum, not the run.

Java: client.consumer.rebalance.AllocateMessageQueueStrategy
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMessageQueueAveragely,
    AllocateMessageQueueAveragelyByCircle,
    AllocateMessageQueueConsistentHash,
    AllocateMessageQueueStrategy,
    sort_client_ids,
)
from minimq.common.message_queue import MessageQueue
from widgets.view import numbers
from widgets.view.names import Queue, by_name, label, queue_span
from widgets.view.parts import Block, block
from widgets.view.rebalance_scene import RebalanceScene

STRATEGIES: dict[str, AllocateMessageQueueStrategy] = {
    strategy.name: strategy
    for strategy in (
        AllocateMessageQueueAveragely(),
        AllocateMessageQueueAveragelyByCircle(),
        AllocateMessageQueueConsistentHash(),
    )
}
"""Those that need no list of their own."""
SHORT = {"AVG": "blocks", "AVG_BY_CIRCLE": "cards", "CONSISTENT_HASH": "ring"}
MEMBERS_MAX = 12
LAST = "\uffff"
"""Puts an invented member behind all others in the order of client ids."""

Shares = dict[str, list[Queue]]


def shares(
    topic: str, group: str, queues: Sequence[Queue], clients: Mapping[str, str], strategy: str
) -> Shares:
    """Each member's queues; `clients` gives the client id of each node."""
    everything = sorted(MessageQueue(topic, queue.broker, queue.number) for queue in queues)
    ids = sort_client_ids(list(clients.values()))
    allocate = STRATEGIES[strategy].allocate
    return {
        node: [Queue(mq.broker_name, mq.queue_id) for mq in allocate(group, id_, everything, ids)]
        for node, id_ in clients.items()
    }


def members(clients: Mapping[str, str], wanted: int) -> dict[str, str]:
    """So many of them: the last ones leave, or new ones come and stand last in the order."""
    kept = by_name(clients)[:wanted]
    numbers_used = [int(node.rpartition("-")[2]) for node in clients if node[-1:].isdigit()]
    first_new = max(numbers_used, default=0) + 1
    new = [f"consumer-{first_new + n}" for n in range(wanted - len(kept))]
    return {node: clients[node] for node in kept} | {node: f"{LAST}@{node}" for node in new}


class DryRun:
    """What was asked, and its answer beside the truth."""

    def __init__(self, scene: RebalanceScene) -> None:
        self.scene = scene
        self.strategy = ""
        """Empty: the one that the members use."""
        self.more = 1
        """Members more (or fewer) than there are."""

    def ask(self, strategy: str = "", more: int | None = None) -> None:
        self.strategy = strategy if strategy in STRATEGIES else self.strategy
        if more is not None:
            most = MEMBERS_MAX - len(self.clients())
            self.more = min(max(self.more + more, 1 - len(self.clients())), most)

    def clients(self) -> dict[str, str]:
        """The members that the newest sum saw (a frozen one is a member still), and their ids."""
        model = self.scene.model
        newest = max(model.inputs.values(), key=lambda used: used.at_micros, default=None)
        seen = newest.members if newest else ()
        ids = {node: model.client_id(node) for node in model.inputs if label(node) in seen}
        return {node: id_ for node, id_ in ids.items() if id_}

    def chosen(self) -> str:
        used = {self.scene.model.inputs[node].strategy for node in self.clients()}
        known = [name for name in STRATEGIES if name in used]
        return self.strategy or (known[0] if known else next(iter(STRATEGIES)))

    def result(self) -> Shares:
        """Empty while nobody has done a sum."""
        clients, ownership = self.clients(), self.scene.ownership
        if not clients or not ownership.queues:
            return {}
        asked = members(clients, len(clients) + self.more)
        group = ownership.group or ""
        return shares(ownership.topic or "", group, ownership.queues, asked, self.chosen())

    def moved(self, result: Shares) -> int:
        owners = {queue: node for node, held in result.items() for queue in held}
        ownership = self.scene.ownership
        return sum(ownership.owners(q) != (owners.get(q),) for q in ownership.queues)

    # -- shown --------------------------------------------------------------------------------
    def blocks(self) -> list[Block]:
        result = self.result()
        if not result:
            return []
        every = len(self.scene.ownership.queues)
        rows = [
            [
                [["g", self.scene.roster.glyph_of(node)]],
                [["b", queue_span(held, every)]],
                str(len(held)),
            ]
            for node, held in result.items()
        ]
        head = ["dry run  ", ["b", f"{self.chosen()}, {numbers.many(len(result), 'member')}"]]
        table = block(head, ["", "would have", "queues"], rows, num=[2])
        moved = f"{self.moved(result)} of {numbers.many(every, 'queue')} would move"
        return [table, block(rows=[[[["dim", moved]]]], ruled=False)]

    def controls(self) -> list[Block]:
        """What may be asked: another rule, fewer or more members."""
        count = len(self.result())
        if not count:
            return []
        people = [
            ["btn", "fewer", {"do": "dry", "more": -1}], f"  {count}  ",
            ["btn", "more", {"do": "dry", "more": 1}],
        ]  # fmt: skip
        rows: list[list[Any]] = [[[["dim", "members"]], people]]
        for place, name in enumerate(STRATEGIES):
            mark = "✓ " if name == self.chosen() else ""
            rule = ["link", mark + name, {"do": "dry", "strategy": name}]
            rows.append([[["dim", "" if place else "rule"]], [rule, ["dim", f"  {SHORT[name]}"]]])
        return [block("what if there were", rows=rows, ruled=False)]

    def rows(self) -> Iterable[list[str]]:
        """For the table twin."""
        every, result = len(self.scene.ownership.queues), self.result()
        for node, held in result.items():
            words = f"would own by {self.chosen()} with {numbers.many(len(result), 'member')}"
            yield [queue_span(held, every), f"{label(node)} {words}", "", "", ""]
