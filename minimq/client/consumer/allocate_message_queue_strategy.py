"""Which queues are mine: every member computes it alone, from the same sorted inputs.

Java:    client.consumer.rebalance.AllocateMessageQueue…
Posts:   RocketMQ消费者消费消息, AllocateMessageQueueAveragely
Differs: a strategy is any object with `name` and `allocate`; a plain function
         (group, client_id, queues, client_ids) will do as well.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from minimq.common.message_queue import MessageQueue

Queues = Sequence[MessageQueue]
Clients = Sequence[str]
Item = TypeVar("Item")


class AllocateMessageQueueStrategy(Protocol):
    @property
    def name(self) -> str: ...

    def allocate(
        self, group: str, client_id: str, queues: Queues, client_ids: Clients
    ) -> list[MessageQueue]: ...


def utf16_key(text: str) -> bytes:
    """Orders text as Java's String.compareTo does: by UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def sort_client_ids(client_ids: Clients) -> list[str]:
    return sorted(client_ids, key=utf16_key)


def _check(client_id: str, queues: Queues, client_ids: Clients) -> bool:
    """ValueError for missing inputs; false if this client is not in the list (yet)."""
    if not client_id:
        raise ValueError("currentCID is empty")
    if not queues:
        raise ValueError("mqAll is null or mqAll empty")
    if not client_ids:
        raise ValueError("cidAll is null or cidAll empty")
    return client_id in client_ids


class AllocateMessageQueueAveragely:
    """Contiguous blocks; the first members get one more when it does not come out even."""

    name = "AVG"

    def allocate(
        self, group: str, client_id: str, queues: Queues, client_ids: Clients
    ) -> list[MessageQueue]:
        if not _check(client_id, queues, client_ids):
            return []
        index = client_ids.index(client_id)
        mod = len(queues) % len(client_ids)
        if len(queues) <= len(client_ids):
            average_size = 1
        else:
            average_size = len(queues) // len(client_ids) + (1 if mod and index < mod else 0)
        start = index * average_size + (0 if mod and index < mod else mod)
        return list(queues[start : start + average_size])


class AllocateMessageQueueAveragelyByCircle:
    """Dealt like cards."""

    name = "AVG_BY_CIRCLE"

    def allocate(
        self, group: str, client_id: str, queues: Queues, client_ids: Clients
    ) -> list[MessageQueue]:
        if not _check(client_id, queues, client_ids):
            return []
        return list(queues[client_ids.index(client_id) :: len(client_ids)])


class AllocateMessageQueueByConfig:
    """A fixed list: whoever configures it answers for gaps and overlaps."""

    name = "CONFIG"

    def __init__(self, queues: Queues = ()) -> None:
        self.message_queue_list = list(queues)

    def allocate(
        self, group: str, client_id: str, queues: Queues, client_ids: Clients
    ) -> list[MessageQueue]:
        return list(self.message_queue_list)


class AllocateMessageQueueConsistentHash:
    """A ring of virtual nodes: few queues move when a member comes or goes."""

    name = "CONSISTENT_HASH"

    def __init__(self, virtual_node_cnt: int = 10) -> None:
        if virtual_node_cnt < 0:
            raise ValueError(f"illegal virtualNodeCnt: {virtual_node_cnt}")
        self.virtual_node_cnt = virtual_node_cnt

    def allocate(
        self, group: str, client_id: str, queues: Queues, client_ids: Clients
    ) -> list[MessageQueue]:
        if not _check(client_id, queues, client_ids):
            return []
        nodes = {
            md5_hash(f"{client}-{number}"): client
            for client in client_ids
            for number in range(self.virtual_node_cnt)
        }
        ring = sorted(nodes)
        if not ring:
            return []
        return [mq for mq in queues if nodes[_first_node(ring, str(mq))] == client_id]


def md5_hash(key: str) -> int:
    """Java: ConsistentHashRouter.MD5Hash, the first four bytes."""
    return int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest()[:4], "big")


def _first_node(ring: Sequence[int], key: str) -> int:
    place = bisect_left(ring, md5_hash(key))
    return ring[place if place < len(ring) else 0]


class AllocateMessageQueueByMachineRoom:
    """Queues of brokers named `room@name`, of the rooms that this consumer serves."""

    name = "MACHINE_ROOM"

    def __init__(self, consumer_idcs: Sequence[str] = ()) -> None:
        self.consumer_idcs = tuple(consumer_idcs)

    def allocate(
        self, group: str, client_id: str, queues: Queues, client_ids: Clients
    ) -> list[MessageQueue]:
        if not _check(client_id, queues, client_ids):
            return []
        index = client_ids.index(client_id)
        ours = [mq for mq in queues if self._is_ours(mq.broker_name)]
        mod, rest = divmod(len(ours), len(client_ids))
        result = ours[mod * index : mod * (index + 1)]
        if rest > index:
            result.append(ours[index + mod * len(client_ids)])
        return result

    def _is_ours(self, broker_name: str) -> bool:
        room, at, name = broker_name.partition("@")
        return bool(at) and "@" not in name and room in self.consumer_idcs


class MachineRoomResolver(Protocol):
    def broker_deploy_in(self, mq: MessageQueue) -> str: ...

    def consumer_deploy_in(self, client_id: str) -> str: ...


class AllocateMachineRoomNearby:
    """Own room first; rooms in which nobody lives are shared by all."""

    def __init__(
        self, strategy: AllocateMessageQueueStrategy, resolver: MachineRoomResolver
    ) -> None:
        self._strategy = strategy
        self._resolver = resolver

    @property
    def name(self) -> str:
        return f"MACHINE_ROOM_NEARBY-{self._strategy.name}"

    def allocate(
        self, group: str, client_id: str, queues: Queues, client_ids: Clients
    ) -> list[MessageQueue]:
        if not _check(client_id, queues, client_ids):
            return []
        queues_of = _by_room(queues, self._resolver.broker_deploy_in)
        clients_of = _by_room(client_ids, self._resolver.consumer_deploy_in)
        here = self._resolver.consumer_deploy_in(client_id)
        mine = queues_of.pop(here, [])
        result: list[MessageQueue] = []
        if mine:
            result += self._strategy.allocate(group, client_id, mine, clients_of[here])
        for room in sorted(queues_of, key=utf16_key):
            if room not in clients_of:
                result += self._strategy.allocate(group, client_id, queues_of[room], client_ids)
        return result


def _by_room(items: Sequence[Item], room_of: Callable[[Item], str]) -> dict[str, list[Item]]:
    rooms: dict[str, list[Item]] = {}
    for item in items:
        room = room_of(item)
        if not room:
            raise ValueError(f"Machine room is null for {item}")
        rooms.setdefault(room, []).append(item)
    return rooms


class FunctionStrategy:
    """A plain function as a strategy."""

    def __init__(
        self, function: Callable[[str, str, Queues, Clients], Sequence[MessageQueue]]
    ) -> None:
        self.name = getattr(function, "__name__", "FUNCTION")
        self._function = function

    def allocate(
        self, group: str, client_id: str, queues: Queues, client_ids: Clients
    ) -> list[MessageQueue]:
        return list(self._function(group, client_id, queues, client_ids))
