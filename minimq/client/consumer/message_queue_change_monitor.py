"""Tell a user who assigns queues by hand that a topic has others now.

Java:    client.impl.consumer.DefaultLitePullConsumerImpl#fetchTopicMessageQueuesAndCompare,
         thread MonitorMessageQueueChangeThread; client.consumer.TopicMessageQueueChangeListener
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from minimq.client.scheduled_service import ScheduledService
from minimq.common.host import Host
from minimq.common.message_queue import MessageQueue

FIRST_METADATA_CHECK_MILLIS = 10_000
TopicListener = Callable[[str, list[MessageQueue]], None]


class MessageQueueChangeMonitor:
    def __init__(self, fetch: Callable[[str], Awaitable[list[MessageQueue]]]) -> None:
        self.listeners: dict[str, TopicListener] = {}
        self._fetch = fetch
        self._queues: dict[str, list[MessageQueue]] = {}
        self._scheduler: ScheduledService | None = None

    async def start(self, host: Host, interval_millis: int) -> None:
        await self.compare()
        scheduler = self._scheduler = ScheduledService(host, "MonitorMessageQueueChangeThread")
        scheduler.schedule_at_fixed_rate(
            "compare topic queues", self.compare, FIRST_METADATA_CHECK_MILLIS, interval_millis
        )
        scheduler.start()

    async def compare(self) -> None:
        """The first look at a topic only remembers what is there."""
        for topic, listener in list(self.listeners.items()):
            queues = await self._fetch(topic)
            known, self._queues[topic] = self._queues.get(topic), queues
            if known is not None and known != queues:
                listener(topic, queues)

    async def shutdown(self) -> None:
        if self._scheduler is not None:
            await self._scheduler.shutdown()

    def kill(self) -> None:
        if self._scheduler is not None:
            self._scheduler.kill()
