"""Bring the consume queues to the disk, and note in the checkpoint how far all of it is.

Java:    DefaultMessageStore.FlushConsumeQueueService
Differs: the time in the checkpoint is that of the newest message dispatched before the flush, so
         that it holds even if the power goes.
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.common.host import Host
from minimq.common.service_task import ServiceTask
from minimq.errors import StoreError
from minimq.store.consume_queue_table import ConsumeQueueTable
from minimq.store.flush_commit_log_service import FlushThread, dirty_pages
from minimq.store.store_config import MessageStoreConfig


class FlushConsumeQueueService(ServiceTask):
    """Every second those with two dirty pages; every minute all, and the checkpoint."""

    service_name = "FlushConsumeQueueService"

    def __init__(
        self,
        host: Host,
        config: MessageStoreConfig,
        queues: ConsumeQueueTable,
        thread: FlushThread,
        all_flushed: Callable[[int], None],
        dispatched_timestamp: Callable[[], int],
    ) -> None:
        super().__init__(host)
        self._config = config
        self._queues = queues
        self._thread = thread
        self._all_flushed = all_flushed
        self._dispatched_timestamp = dispatched_timestamp
        self._last_thorough = 0.0

    async def run_once(self) -> None:
        await self.wait_for_running(self._config.flush_interval_consume_queue)
        now = self.host.pace.paced_now()
        if now < self._last_thorough + self._config.flush_consume_queue_thorough_interval:
            await self.flush(self._config.flush_consume_queue_least_pages)
            return
        self._last_thorough = now
        stamp = self._dispatched_timestamp()
        if self._queues.unflushed:
            await self.flush(0)
            self._all_flushed(stamp)

    async def flush(self, least_pages: int) -> None:
        """Flush the queues that have so many dirty pages."""
        unflushed = self._queues.unflushed
        chosen = {
            key: queue
            for key, queue in unflushed.items()
            if dirty_pages(queue.files.flushed_where, queue.files.max_offset) >= least_pages
        }
        if not chosen:
            return
        plans = [(queue.files, *queue.files.flush_plan()) for queue in chosen.values()]
        for key in chosen:
            del unflushed[key]
        try:
            await self._thread.wait(lambda: _run_all([plan[1] for plan in plans]))
        except StoreError:
            unflushed.update(chosen)
            raise
        for files, _, target in plans:
            files.flushed_where = max(files.flushed_where, target)


def _run_all(flushes: list[Callable[[], None]]) -> None:
    for flush in flushes:
        flush()
