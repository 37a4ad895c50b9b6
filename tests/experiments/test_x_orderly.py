"""How long a queue that is consumed in order waits for its next owner."""

from __future__ import annotations

from typing import Any

import pytest

from minimq.aio import ConsumeOrderlyStatus
from minimq.protocol.client_body import LockBatchRequestBody
from minimq.protocol.request_code import RequestCode
from tests.experiments.rig import FROM_FIRST, GROUP, TOPIC, Sim

QUEUES = 4


def in_order(messages: Any, context: Any) -> ConsumeOrderlyStatus:
    """Reports [queue, offset]."""
    from minimq.aio import ConsumeOrderlyStatus

    for message in messages:
        context.report([message.queue_id, message.queue_offset])
    return ConsumeOrderlyStatus.SUCCESS


def stamped(sim: Sim, node: str) -> list[tuple[float, int, int]]:
    """(second, queue, offset) of each call of a listener."""
    return [(event.at_micros / 1e6, *event.fields["value"])
            for event in sim.named("consumer.listener.reported", node)]  # fmt: skip


def test_x29_an_orderly_queue_moves_to_a_member_that_joins():
    """X29: C1 stops at once, unlocks after 20 s, C2 locks at a following 20 s rebalance: gap 20-60
    s per moved queue, no overlap."""
    with Sim(seed=29, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=QUEUES)
        for queue in range(QUEUES):
            sim.fill(2_000, queue=queue)
        settings = {"orderly": True, "work_millis": 100, "settings": FROM_FIRST}
        old = sim.add_consumer(TOPIC, GROUP, in_order, **settings)
        sim.run_until()
        sim.run_for(30)
        began = sim.seconds
        new = sim.add_consumer(TOPIC, GROUP, in_order, **settings)
        sim.run_for(90)
        moved = {queue for _, queue, _ in stamped(sim, new)}
        assert len(moved) == QUEUES / 2
        for queue in moved:
            before = [entry for entry in stamped(sim, old) if entry[1] == queue]
            after = [entry for entry in stamped(sim, new) if entry[1] == queue]
            stopped_at, last = before[-1][0], before[-1][2]
            assert stopped_at - began < 0.5
            assert 20 <= after[0][0] - stopped_at <= 60
            offsets = [entry[2] for entry in after]
            assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))
            assert offsets[0] in (last, last + 1)  # what ran at that moment may run twice


def take_all(group: str, client_id: str, queues: Any, members: Any) -> Any:
    """A rule of allocation for one who wants everything."""
    return queues


def drop_requests_of_locks(sim: Sim, client_id: str) -> None:
    """From now on the broker hears nothing of a client's wish to keep its locks."""
    table = sim.controller().dispatcher._table
    serve, queue = table[RequestCode.LOCK_BATCH_MQ]

    def lose(connection: Any, request: Any) -> Any:
        body = LockBatchRequestBody.decode(request.body)
        return None if body.client_id == client_id else serve(connection, request)

    table[RequestCode.LOCK_BATCH_MQ] = (lose, queue)


@pytest.mark.parametrize("batch_seconds", [5, 25, 90])
def test_x31_a_listener_that_outlives_its_lock(batch_seconds):
    """X31: owner stops taking new batches at 30 s, a rival can lock at 60 s at the earliest: 30 s
    safety margin; but a batch running > 60 s overlaps."""
    with Sim(seed=31, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.fill(100)
        settings = {"orderly": True, "work_millis": 1_000 * batch_seconds, "settings": FROM_FIRST}
        owner = sim.add_consumer(TOPIC, GROUP, in_order, **settings)
        sim.run_until()
        sim.run_for(20)
        (lock,) = [x for x in sim.snapshot("broker-a")["locks"] if x["topic"] == TOPIC]
        renewed_at = sim.seconds - lock["age_millis"] / 1_000
        drop_requests_of_locks(sim, lock["client_id"])
        rival = sim.add_consumer(TOPIC, GROUP, in_order, strategy=take_all, **settings)
        sim.run_for(200)
        begun = [stamp - renewed_at for stamp, _, _ in stamped(sim, owner)]
        rivals_first, _, offset = stamped(sim, rival)[0]
        rivals_first -= renewed_at
        assert begun[-1] <= 30
        assert 60 <= rivals_first <= 60 + 20 + 0.1  # it tries at its rebalances
        overlap = begun[-1] + batch_seconds > rivals_first
        assert overlap is (batch_seconds > 60)
        last = stamped(sim, owner)[-1][2]
        assert offset == (last if overlap else last + 1)
