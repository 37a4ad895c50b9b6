"""The master's log on a slave, byte for byte, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.common.file_system import MemoryFileSystem
from minimq.remoting.transport import MemoryNetwork, MemoryTransport
from minimq.store.ha_service import FRAME_HEAD, REPORT, last_report, transfer_start
from minimq.store.put_message import PutMessageStatus
from tests.helpers.stores import SEGMENT, events_of, make_store, message, put, read_queue
from tests.helpers.virtual import run_virtual

VECTORS = {
    vector["name"]: vector
    for vector in json.loads(
        (Path(__file__).parent.parent / "protocol" / "vectors.json").read_text()
    )["vectors"]
}


class Pair:
    """A master and its slave on one simulated network."""

    def __init__(self, role="ASYNC_MASTER", **settings):
        self.network = MemoryNetwork(random.Random(3))
        self.settings = {"ha_listen_port": 0, **settings}
        self.master = make_store(network=self.network, broker_role=role, name="m", **self.settings)
        self.slave_files = MemoryFileSystem()

    async def start_master(self):
        self.master.load()
        self.master.start()
        await self.master.ha.open()

    def start_slave(self):
        self.slave = make_store(
            self.slave_files, network=self.network, broker_role="SLAVE", name="s", **self.settings
        )
        self.slave.load()
        self.slave.start()
        self.slave.ha_client.update_master_address(self.master.ha.address)

    async def stop(self):
        await self.slave.shutdown()
        await self.master.shutdown()

    def same(self):
        master, slave = self.master.commit_log, self.slave.commit_log
        assert slave.max_offset == master.max_offset
        for file in slave.files.files:
            twin = master.files.find(file.base_offset)
            assert bytes(file.view[: file.wrote]) == bytes(twin.view[: twin.wrote])
        return True


def test_frames_look_as_in_rocketmq():
    record = bytes.fromhex(VECTORS["message_v4"]["hex"])
    assert REPORT.pack(4096 + len(record)).hex() == VECTORS["ha_slave_report"]["hex"]
    assert (FRAME_HEAD.pack(4096, len(record)) + record).hex() == VECTORS["ha_master_data"]["hex"]
    assert FRAME_HEAD.pack(4096 + len(record), 0).hex() == VECTORS["ha_master_heartbeat"]["hex"]


@given(st.lists(st.integers(0, 1 << 40), max_size=9), st.data())
def test_the_last_whole_report_counts(offsets, data):
    stream = b"".join(REPORT.pack(offset) for offset in offsets)
    cut = data.draw(st.integers(0, len(stream)))
    first, rest = last_report(stream[:cut])
    second, rest = last_report(rest + stream[cut:])
    newest = second if second is not None else first
    assert newest == (offsets[-1] if offsets else None)
    assert rest == b""


@pytest.mark.parametrize(
    ("report", "log_end", "start"), [(0, 0, 0), (0, 50, 0), (0, 250, 200), (70, 250, 70)]
)
def test_an_empty_slave_begins_with_the_last_segment(report, log_end, start):
    assert transfer_start(report, log_end, 100) == start


def test_a_slave_has_what_the_master_has():
    async def main():
        pair = Pair()
        await pair.start_master()
        pair.start_slave()
        await asyncio.sleep(1)
        put(pair.master, *[b"%d:" % n + b"x" * (n * 31 % 900) for n in range(400)])
        await asyncio.sleep(1)
        assert pair.same()
        assert [m.body for m in read_queue(pair.slave)] == [m.body for m in read_queue(pair.master)]
        assert len(pair.slave.commit_log.files.files) > 2
        (slave,) = pair.master.ha.snapshot()["slaves"]
        assert slave["acked_offset"] == slave["sent_offset"] == pair.master.commit_log.max_offset
        await asyncio.sleep(120)  # kept alive
        assert events_of(pair.master, "ha.slave.left") == []
        await pair.stop()

    run_virtual(main())


def test_a_late_slave_gets_the_last_segment_only():
    async def main():
        pair = Pair()
        await pair.start_master()
        put(pair.master, *[b"x" * 1_000] * 300)
        pair.start_slave()
        await asyncio.sleep(1)
        assert pair.same()
        assert pair.slave.commit_log.min_offset == 3 * SEGMENT
        low = pair.slave.get_min_offset_in_queue("T", 0)
        assert low > 200
        assert [m.queue_offset for m in read_queue(pair.slave)] == list(range(low, 300))
        await pair.stop()

    run_virtual(main())


@pytest.mark.parametrize("power_cut", [False, True])
def test_a_slave_goes_on_where_it_ended(power_cut):
    async def main():
        pair = Pair(ha_transfer_batch_size=700)
        pair.slave_files = MemoryFileSystem(track_power_cuts=True)
        await pair.start_master()
        for _ in range(4):
            pair.start_slave()
            await asyncio.sleep(0.2)
            put(pair.master, *[b"x" * 1_000] * 60)
            await asyncio.sleep(0.003)
            pair.slave.kill()
            if power_cut:
                pair.slave_files.power_cut()
            put(pair.master, *[b"y" * 1_000] * 20)
            await asyncio.sleep(6)
        pair.start_slave()
        await asyncio.sleep(6)
        assert pair.same()
        assert power_cut or len(read_queue(pair.slave)) == 320
        await pair.stop()

    run_virtual(main())


def test_a_slave_that_does_not_fit_is_cut_off_and_changes_nothing():
    async def main():
        pair = Pair()
        await pair.start_master()
        put(pair.master, b"1", b"2")
        stranger = make_store(pair.slave_files, name="x")
        stranger.load()
        stranger.start()
        put(stranger, *[b"longer than the master"] * 9)
        await stranger.shutdown()
        pair.start_slave()
        before = pair.slave.commit_log.max_offset
        await asyncio.sleep(60)
        assert pair.slave.commit_log.max_offset == before
        assert [m.body for m in read_queue(pair.master)] == [b"1", b"2"]
        await pair.stop()

    run_virtual(main())


def test_a_new_master_address_is_followed():
    async def main():
        pair = Pair()
        await pair.start_master()
        pair.start_slave()
        pair.slave.ha_client.update_master_address("127.0.0.1:1")
        await asyncio.sleep(12)
        put(pair.master, b"1")
        assert not pair.slave.commit_log.max_offset
        pair.slave.ha_client.update_master_address(pair.master.ha.address)
        await asyncio.sleep(12)
        assert pair.same()
        await pair.stop()

    run_virtual(main())


def test_sync_master_waits_for_its_slave():
    async def main():
        pair = Pair("SYNC_MASTER")
        await pair.start_master()
        alone = pair.master.put_message(message(b"alone"))
        assert alone.status is PutMessageStatus.SLAVE_NOT_AVAILABLE
        assert alone.stored
        pair.start_slave()
        await asyncio.sleep(1)
        result = pair.master.put_message(message(b"1"))
        assert await result.pending is PutMessageStatus.PUT_OK
        assert pair.slave.commit_log.max_offset >= result.next_offset
        careless = pair.master.put_message(message(b"2", wait_store_msg_ok=False))
        assert (careless.pending, careless.is_ok) == (None, True)
        card = pair.slave.host.transport
        assert isinstance(card, MemoryTransport)
        card.freeze()
        pair.slave.host.pace.freeze()
        loop = asyncio.get_running_loop()
        began = loop.time()
        late = pair.master.put_message(message(b"3"))
        assert await late.pending is PutMessageStatus.FLUSH_SLAVE_TIMEOUT
        assert loop.time() - began == pytest.approx(3)
        await asyncio.sleep(30)  # the silent slave is given up
        gone = pair.master.put_message(message(b"4"))
        assert gone.status is PutMessageStatus.SLAVE_NOT_AVAILABLE
        card.thaw()
        pair.slave.host.pace.thaw()
        await asyncio.sleep(12)
        again = pair.master.put_message(message(b"5"))
        assert await again.pending is PutMessageStatus.PUT_OK
        assert [m.body for m in read_queue(pair.master)] == [m.body for m in read_queue(pair.slave)]
        await pair.stop()

    run_virtual(main())


def test_a_slave_too_far_behind_does_not_count():
    async def main():
        pair = Pair("SYNC_MASTER", ha_slave_fallbehind_max=5_000)
        await pair.start_master()
        pair.start_slave()
        await asyncio.sleep(1)
        results = [pair.master.put_message(message(b"x" * 1_000)) for _ in range(8)]
        at_once = [r.status for r in results if r.pending is None]
        assert set(at_once) == {PutMessageStatus.SLAVE_NOT_AVAILABLE}
        assert 3 <= len(at_once) <= 5
        await pair.stop()

    run_virtual(main())


class Stranger(asyncio.Protocol):
    """Speaks to a master by hand."""

    @classmethod
    async def to(cls, store):
        protocol = await store.host.transport.connect(store.ha.address, cls)
        assert isinstance(protocol, cls)
        return protocol

    def __init__(self):
        self.received = b""
        self.closed = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data

    def connection_lost(self, error):
        self.closed = True


def test_a_master_says_nothing_before_the_first_report_and_closes_on_nonsense():
    async def main():
        pair = Pair()
        await pair.start_master()
        put(pair.master, b"1")
        end = pair.master.commit_log.max_offset
        slave = await Stranger.to(pair.master)
        await asyncio.sleep(8)
        assert slave.received == b""
        slave.transport.write(REPORT.pack(0)[:5])
        await asyncio.sleep(0.1)
        slave.transport.write(REPORT.pack(0)[5:])
        await asyncio.sleep(0.1)
        assert slave.received[:12] == FRAME_HEAD.pack(0, end)
        assert len(slave.received) == 12 + end
        slave.transport.write(REPORT.pack(end))
        await asyncio.sleep(7)
        assert slave.received[12 + end :] == FRAME_HEAD.pack(end, 0)
        assert pair.master.ha.push_to_slave_max_offset == end
        slave.transport.write(REPORT.pack(end + 1))
        await asyncio.sleep(0.1)
        assert slave.closed
        silent = await Stranger.to(pair.master)
        await asyncio.sleep(22)
        assert silent.closed
        await pair.master.shutdown()

    run_virtual(main())
