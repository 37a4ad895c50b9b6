"""Put access control in front of a broker's processors.

Java:    broker.BrokerController.initialAcl
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minimq.acl.acl_file_watch_service import AclFileWatchService
from minimq.acl.acl_request_processor import AclRequestProcessor
from minimq.acl.plain_access_validator import PlainAccessValidator
from minimq.acl.plain_permission_manager import PlainPermissionManager
from minimq.remoting.request_dispatcher import ProcessorQueue

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController


class BrokerAcl:
    """Rules given as a mapping live in memory; else they are files in the broker's folder."""

    def __init__(self, controller: BrokerController, rules: Mapping[str, Any] | None) -> None:
        host, config = controller.host, controller.config
        now_millis = host.clock.now_millis
        if rules is not None:
            manager = PlainPermissionManager.from_mapping(rules, now_millis)
        else:
            manager = PlainPermissionManager(host.file_system, now_millis)
        self.permission_manager = manager
        self.watch_service = AclFileWatchService(host, manager)
        self.validator = PlainAccessValidator(manager, host.recorder)
        processor = AclRequestProcessor(
            manager, config.broker_name, config.broker_cluster_name, lambda: controller.address
        )
        queue = ProcessorQueue("AclAdminThread")
        controller.dispatcher.register(processor.codes(), processor.process_request, queue)
        controller.dispatcher.before.insert(0, self.validator)

    def load(self) -> None:
        """AclError if a file of rules cannot be read."""
        self.permission_manager.load()
