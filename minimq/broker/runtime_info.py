"""The running state of a broker, under the names that mqadmin reads.

Java:    AdminBrokerProcessor.prepareRuntimeInfo
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.protocol.remoting_command import CURRENT_VERSION

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

VERSION_NAME = "V4_9_8"
QUEUES = {"send": "SendMessageThread", "pull": "PullMessageThread", "query": "QueryMessageThread",
          "EndTransaction": "EndTransactionThread"}  # fmt: skip


def broker_runtime_info(controller: BrokerController) -> dict[str, str]:
    """All values are texts."""
    host, stats = controller.host, controller.stats
    now = host.clock.now_millis()
    up = now - controller.started_millis
    found, miss = stats.rates("found", now), stats.rates("miss", now)
    total = [round(a + b, 2) for a, b in zip(found, miss, strict=True)]
    info = {
        **controller.message_store.runtime_info(),
        "brokerVersionDesc": VERSION_NAME,
        "brokerVersion": str(CURRENT_VERSION),
        "bootTimestamp": str(controller.started_millis),
        "runtime": _uptime(up),
        "putTps": str(stats.rates("put", now)),
        "getTransferedTps": str(stats.rates("get", now)),
        "getFoundTps": str(found),
        "getMissTps": str(miss),
        "getTotalTps": " ".join(str(rate) for rate in total),
        "putMessageTimesTotal": str(stats.put_total),
        "putMessageSizeTotal": str(stats.put_bytes_total),
        "putMessageAverageSize": str(stats.put_bytes_total / max(stats.put_total, 1)),
        "startAcceptSendRequestTimeStamp": str(
            controller.config.start_accept_send_request_time_stamp
        ),
        "remainHowManyDataToFlush": f"{controller.message_store.commit_log.files.dirty_bytes} B",
        "commitLogDirCapacity": "Total : -, Free : -.",
    }
    for direction, counted in (("Put", stats.put_total), ("Get", stats.get_total)):
        yesterday, today = stats.mornings[direction]
        info[f"msg{direction}TotalYesterdayMorning"] = str(yesterday)
        info[f"msg{direction}TotalTodayMorning"] = str(today)
        info[f"msg{direction}TotalTodayNow"] = str(counted)
    for prefix, name in QUEUES.items():
        queue = controller.dispatcher.queues[name]
        info[f"{prefix}ThreadPoolQueueSize"] = str(len(queue.waiting))
        info[f"{prefix}ThreadPoolQueueCapacity"] = str(queue.requests_max)
        waited = 0
        if queue.waiting:
            waited = (host.clock.now_micros() - queue.waiting[0].arrived_micros) // 1_000
        info[f"{prefix}ThreadPoolQueueHeadWaitTimeMills"] = str(waited)
    return info


def _uptime(millis: int) -> str:
    minutes, seconds = divmod(millis // 1_000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"[ {days} days, {hours} hours, {minutes} minutes, {seconds} seconds ]"
