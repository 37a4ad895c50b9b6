"""What a broker believes now, as plain JSON values: for panels, tests and bug reports.

Differs: Java has no such call; its parts are answers to a dozen administrators' requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController


def broker_snapshot(controller: BrokerController) -> dict[str, Any]:
    """What this broker believes now, as plain JSON values."""
    now = controller.host.clock.now_millis()
    return {
        "role": "broker",
        "name": controller.config.broker_name,
        "broker_id": controller.config.broker_id,
        "broker_role": controller.store_config.broker_role.name,
        "cluster_name": controller.config.broker_cluster_name,
        "address": controller.address,
        "uptime_millis": now - controller.started_millis,
        "connections": controller.ports.connection_count,
        "topics": _topics_snapshot(controller),
        "consumers": controller.consumer_manager.snapshot(),
        "producers": controller.producer_manager.snapshot(),
        "offsets": {
            key: {str(queue_id): offset for queue_id, offset in queues.items()}
            for key, queues in controller.consumer_offset_manager.offset_table.items()
        },
        "locks": controller.rebalance_lock_manager.snapshot(now),
        "hold": controller.hold_service.snapshot(),
        "queues": {
            queue.name: len(queue.waiting) for queue in controller.dispatcher.queues.values()
        },
        "store": controller.message_store.snapshot(),
        "acl": controller.acl.permission_manager.snapshot() if controller.acl else None,
        "totals": {"put": controller.stats.put_total, "get": controller.stats.get_total},
    }


def _topics_snapshot(controller: BrokerController) -> dict[str, Any]:
    """Topics of users with the ends of their queues; system topics by name only."""
    store, found = controller.message_store, {}
    for name, topic in controller.topic_config_manager.topic_config_table.items():
        queues = []
        if not controller.topic_config_manager.is_system_topic(name):
            count = max(topic.read_queue_nums, topic.write_queue_nums)
            queues = [
                [max(store.get_min_offset_in_queue(name, q), 0),
                 store.get_max_offset_in_queue(name, q)]
                for q in range(count)
            ]  # fmt: skip
        found[name] = {
            "read_queues": topic.read_queue_nums,
            "write_queues": topic.write_queue_nums,
            "perm": topic.perm,
            "queues": queues,
        }
    return found
