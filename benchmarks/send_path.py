"""What a send costs a broker, from the bytes of its frame to the bytes of the answer. No sockets.

    python benchmarks/send_path.py [--profile]

Prints microseconds of CPU per message of 1 KiB: 32 frames in one read, and one batch of 32.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable

from minimq.broker.broker_config import BrokerConfig
from minimq.broker.broker_controller import BrokerController
from minimq.client.producer.producer_config import ProducerConfig
from minimq.client.producer.send_request import build_send_request, prepare
from minimq.common.file_system import DiskFileSystem
from minimq.common.host import Host, system_host
from minimq.common.message import Message, MessageBatch
from minimq.common.message_client_id import MessageClientIDSetter
from minimq.common.message_queue import MessageQueue
from minimq.protocol.frame_decoder import encode_frame
from minimq.remoting.connection import Connection
from minimq.remoting.transport import TcpTransport
from minimq.store.store_config import MessageStoreConfig

BODY = bytes(1024)
WIDTH = 32
TOPIC = "orders"
READS = 60
ROUNDS = 8


class Nowhere(asyncio.Transport):
    """A transport whose peer takes every byte and keeps none."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("127.0.0.1", 40_000) if name in ("peername", "sockname") else default

    def write(self, data: object) -> None:
        """Gone."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """It never fills."""


class Sender:
    """Makes the bytes that a producer would send."""

    def __init__(self, host: Host) -> None:
        self._config = ProducerConfig(producer_group="shop")
        self._now_millis = host.clock.now_millis
        self._ids = MessageClientIDSetter("127.0.0.1", 1, 1, host.time_zone)

    def frame(self, message: Message, queue_id: int) -> bytes:
        new_id = lambda: self._ids.create_uniq_id(self._now_millis())  # noqa: E731
        outgoing = prepare(message, self._config, new_id)
        queue = MessageQueue(TOPIC, "broker-a", queue_id)
        request = build_send_request(outgoing, queue, self._config, self._now_millis())
        return encode_frame(request)

    def window(self) -> bytes:
        return b"".join(self.frame(Message(TOPIC, BODY), n % 4) for n in range(WIDTH))

    def batch(self) -> bytes:
        return self.frame(MessageBatch([Message(TOPIC, BODY) for _ in range(WIDTH)]), 1)


def cost(
    connection: Connection, make: Callable[[], bytes], profiler: cProfile.Profile | None = None
) -> float:
    found = []
    for _ in range(ROUNDS):
        reads = [make() for _ in range(READS)]
        began = time.process_time()
        if profiler is not None:
            profiler.enable()
        for data in reads:
            connection.data_received(data)
        if profiler is not None:
            profiler.disable()
        found.append(time.process_time() - began)
    return min(found) / READS / WIDTH * 1e6


async def measure(folder: str, profile: bool) -> None:
    host = system_host("broker-a", TcpTransport(), DiskFileSystem(folder))
    config = BrokerConfig(listen="127.0.0.1:0", broker_name="broker-a")
    broker = BrokerController(host, config, MessageStoreConfig(ha_listen_port=0))
    await broker.start()
    connection = Connection(host, broker.dispatcher, lambda one, why: None, outbound=False)
    connection.connection_made(Nowhere())
    sender = Sender(host)
    connection.data_received(sender.window())  # makes the topic
    print(f"32 in one read  {cost(connection, sender.window):6.2f}")
    print(f"batch of 32     {cost(connection, sender.batch):6.2f}")
    if profile:
        profiler = cProfile.Profile()
        cost(connection, sender.window, profiler)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
    await broker.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="where it goes (cProfile)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="minimq-bench-") as folder:
        asyncio.run(measure(folder, options.profile))


if __name__ == "__main__":
    main()
