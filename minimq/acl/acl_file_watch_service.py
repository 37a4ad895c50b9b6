"""Read the access rules anew when somebody has changed their files.

Java:    srvutil.AclFileWatchService
"""

from __future__ import annotations

from minimq.acl.plain_permission_manager import PlainPermissionManager
from minimq.common.host import Host
from minimq.common.service_task import ServiceTask

WATCH_INTERVAL_MILLIS = 5_000


class AclFileWatchService(ServiceTask):
    service_name = "AclFileWatchService"

    def __init__(self, host: Host, permission_manager: PlainPermissionManager) -> None:
        super().__init__(host)
        self._permission_manager = permission_manager

    async def run_once(self) -> None:
        """A file that cannot be read raises AclError, which the loop tells and survives."""
        await self.wait_for_running(WATCH_INTERVAL_MILLIS)
        self._permission_manager.reload_if_changed()
