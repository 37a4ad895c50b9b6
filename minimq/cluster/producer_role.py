"""A producer as a node of a cluster: sends at a steady rate, and whatever it is handed.

The rate is real, not paced: 50 per second stay 50 per second at any pace.
"""

from __future__ import annotations

import asyncio
from typing import Any

from minimq.client.producer.mq_producer import DefaultMQProducer
from minimq.cluster.access import credentials_of, hook_for
from minimq.common.host import Host
from minimq.common.message import Message
from minimq.errors import ClusterError, MiniMQError
from minimq.telemetry import catalog

OUTSTANDING_MAX = 512
"""Sends under way; beyond it the rate is not kept rather than the memory filled."""
BURST_SECONDS = 0.25
"""What was not sent for longer than this (a freeze, a dead broker) is not made up for."""


class ProducerRunner:
    def __init__(self, host: Host, options: dict[str, Any], listener: Any = None) -> None:
        self.host = host
        self.name: str = options["name"]
        self.topic: str = options["topic"]
        self.tags: str = options["tags"]
        self.body: str = options["body"]
        self.rate = float(options["rate"])
        self.sent = self.failed = 0
        self._number = 0
        self._outstanding: dict[asyncio.Task[None], None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.producer = DefaultMQProducer(
            options["group"],
            host=host,
            namesrv_addr=options["namesrv_addr"],
            instance_name=self.name,
            rpc_hook=hook_for(credentials_of(options)),
            **options["client"],
        )

    async def start(self) -> str:
        await self.producer.start()
        self._turn_rate(self.rate)
        return ""

    async def shutdown(self) -> None:
        self.rate = 0.0
        self._schedule()
        if self._outstanding:
            await asyncio.wait(list(self._outstanding), timeout=1)
        await self.producer.shutdown()

    def snapshot(self) -> dict[str, Any]:
        return {
            **self.producer.snapshot(),
            "role": "producer",
            "topic": self.topic,
            "rate": self.rate,
            "sent": self.sent,
            "failed": self.failed,
            "outstanding": len(self._outstanding),
        }

    async def perform(self, op: str, args: dict[str, Any]) -> Any:
        if op == "send":
            return await self.send(**args)
        if op == "set_rate":
            self._turn_rate(float(args["rate"]))
        elif op == "set_knob":
            self._set_knob(args["name"], args["value"])
        else:
            raise ClusterError(f"{op} means nothing to a producer")

    async def send(self, topic: str, body: str, tags: str, keys: str) -> dict[str, Any]:
        """One message of the learner's; the fields of calls.Sent."""
        result = await self.producer.send(Message(topic, body.encode(), tags=tags, keys=keys))
        self._count(sent=1)
        queue = result.message_queue
        return {
            "status": result.send_status.name,
            "msg_id": result.msg_id,
            "topic": queue.topic,
            "broker_name": queue.broker_name,
            "queue_id": queue.queue_id,
            "queue_offset": result.queue_offset,
            "offset_msg_id": result.offset_msg_id,
        }

    # -- the rate --------------------------------------------------------------------------------

    def _turn_rate(self, rate: float) -> None:
        self.rate = rate
        self.host.recorder.emit(catalog.PRODUCER_RATE, "producer", self.topic, rate)
        self._due = asyncio.get_running_loop().time()
        self._schedule()

    def _schedule(self) -> None:
        """Set the timer for the next message, in place of the one there is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.rate:
            loop = asyncio.get_running_loop()
            self._due = max(self._due, loop.time() - BURST_SECONDS) + 1 / self.rate
            self._timer = loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._send_one()
        self._schedule()

    def _send_one(self) -> None:
        if len(self._outstanding) >= OUTSTANDING_MAX:
            return
        self._number += 1
        task = asyncio.get_running_loop().create_task(self._send_numbered(self._number))
        self._outstanding[task] = None
        task.add_done_callback(lambda done: self._outstanding.pop(done, None))

    async def _send_numbered(self, number: int) -> None:
        body = self.body or f"message {number} of {self.name}"
        key = f"{self.name}-{number}"
        try:
            await self.producer.send(Message(self.topic, body.encode(), tags=self.tags, keys=key))
        except MiniMQError:
            self._count(failed=1)  # the client has told why
        else:
            self._count(sent=1)

    def _count(self, sent: int = 0, failed: int = 0) -> None:
        self.sent += sent
        self.failed += failed
        emit = self.host.recorder.emit
        emit(catalog.PRODUCER_COUNTED, "producer", self.topic, self.sent, self.failed)

    def _set_knob(self, name: str, value: Any) -> None:
        if not hasattr(self.producer, name):
            raise ClusterError(f"a producer has no setting {name!r}")
        setattr(self.producer, name, value)
