"""What a broker asks of its clients, over the connections that they opened.

Java:    broker.client.net.Broker2Client
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.remoting.connection import Connection
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.common.host import Host


def notify_consumer_ids_changed(host: Host, group: str, channels: Iterable[Connection]) -> int:
    """Tell the members to rebalance; how many were told. One-way, a lost one is lost."""
    told = 0
    for channel in channels:
        if not channel.closed:
            ext = {"consumerGroup": group}
            request = RemotingCommand.create_request(RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, ext)
            channel.invoke_oneway(request)
            told += 1
    host.recorder.emit(catalog.BROKER_IDS_NOTIFIED, "Broker2Client", group, told)
    return told


def check_producer_transaction_state(
    channel: Connection, ext: dict[str, str], record: bytes
) -> None:
    """Java: checkProducerTransactionState. The answer is an END_TRANSACTION of its own."""
    code = RequestCode.CHECK_TRANSACTION_STATE
    channel.invoke_oneway(RemotingCommand.create_request(code, ext, record))
