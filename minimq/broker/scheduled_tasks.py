"""What a broker does again and again, and how often.

Java:    broker.BrokerController.initialize (the ScheduledExecutorService)
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from minimq.broker.broker_stats_manager import SAMPLE_MILLIS
from minimq.broker.scheduled_task import ScheduledTask
from minimq.broker.transaction.transactional_message_check_service import (
    TransactionalMessageCheckService,
)
from minimq.common.service_task import ServiceTask

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

FIRST_REGISTER_MILLIS = 10_000
FIRST_PERSIST_MILLIS = 10_000
CLIENT_SCAN_MILLIS = 10_000
FIRST_SYNC_MILLIS = 3_000
SYNC_MILLIS = 10_000


def scheduled_tasks(controller: BrokerController) -> list[ServiceTask]:
    """All services of a broker but its store's."""
    host = controller.host
    tasks: list[ServiceTask] = [
        controller.hold_service,
        controller.fast_failure,
        ScheduledTask(
            host,
            "BrokerRegisterService",
            FIRST_REGISTER_MILLIS,
            lambda: controller.config.register_period_millis,
            controller.register_broker_all,
        ),
        ScheduledTask(
            host,
            "ConsumerOffsetPersistService",
            FIRST_PERSIST_MILLIS,
            lambda: controller.config.flush_consumer_offset_interval,
            controller.config_tables.persist_offsets,
        ),
        ScheduledTask(
            host,
            "ClientHousekeepingScheduledThread",
            CLIENT_SCAN_MILLIS,
            lambda: CLIENT_SCAN_MILLIS,
            controller.client_manage_processor.scan_not_active_channel,
        ),
        ScheduledTask(
            host,
            "BrokerStatsThread",
            SAMPLE_MILLIS,
            lambda: SAMPLE_MILLIS,
            lambda: _sample(controller),
        ),
    ]
    if controller.acl is not None:
        tasks.append(controller.acl.watch_service)
    if controller.is_slave:
        sync = ScheduledTask(
            host,
            "SlaveSynchronize",
            FIRST_SYNC_MILLIS,
            lambda: SYNC_MILLIS,
            controller.slave_synchronize.sync_all,
        )
        return [*tasks, sync]
    return [*tasks, TransactionalMessageCheckService(controller)]


def _sample(controller: BrokerController) -> None:
    host = controller.host
    now = host.clock.now_millis()
    day = datetime.fromtimestamp(now / 1_000, tz=host.time_zone).toordinal()
    controller.stats.sample(now, day)
