"""Half messages: hidden until decided, asked about, given up."""

from __future__ import annotations

import asyncio

import pytest

from minimq.broker.transaction.transactional_message_check_service import (
    Verdict,
    contiguous_op_offset,
    judge,
)
from minimq.common.message import MessageExt
from minimq.protocol.message_codec import decode_message, decode_message_id
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from tests.helpers.broker_rig import BrokerRig, heartbeat, messages_of, pull, send, with_broker
from tests.helpers.raw import RawClient

HALF = {"TRAN_MSG": "true", "PGROUP": "PG", "UNIQ_KEY": "U1", "TAGS": "A"}
COMMIT, ROLLBACK, UNKNOWN = 8, 12, 0


async def send_half(client: RawClient, **more: str) -> RemotingCommand:
    answer = await send(client, queue_id=2, properties={**HALF, **more}, f=4)
    assert answer.code == 0
    return answer


def end_ext(sent: RemotingCommand, verdict: int, **other: object) -> dict[str, object]:
    _, offset = decode_message_id(sent.ext_fields["msgId"])
    return {"producerGroup": "PG", "tranStateTableOffset": sent.ext_fields["queueOffset"],
            "commitLogOffset": offset, "commitOrRollback": verdict, "msgId": "U1",
            **other}  # fmt: skip


async def end(client: RawClient, ext: dict[str, object]) -> RemotingCommand:
    return await client.call(RequestCode.END_TRANSACTION, ext)


def outcomes(rig: BrokerRig) -> list[object]:
    return [event.fields["outcome"] for event in rig.events("broker.transaction.ended")]


def test_a_committed_message_appears_in_its_real_queue():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        sent = await send_half(client)
        assert sent.ext_fields["queueId"] == "2"
        assert (await pull(client, queue_id=2)).code == ResponseCode.PULL_NOT_FOUND
        assert (await end(client, end_ext(sent, COMMIT))).code == 0
        (message,) = messages_of(await pull(client, queue_id=2))
        assert (message.body, message.tags, message.sys_flag & 12) == (b"hello", "A", 8)
        assert message.prepared_transaction_offset == 0
        assert message.properties["REAL_TOPIC"] == "orders"
        assert message.properties["PGROUP"] == "PG"
        assert outcomes(rig) == ["commit"]

    with_broker(scenario)


def test_a_rolled_back_message_never_appears():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        sent = await send_half(client)
        assert (await end(client, end_ext(sent, ROLLBACK))).code == 0
        assert (await pull(client, queue_id=2)).code == ResponseCode.PULL_NOT_FOUND
        op = messages_of(await pull(client, "RMQ_SYS_TRANS_OP_HALF_TOPIC"))
        assert [(m.body, m.tags) for m in op] == [(b"0", "d")]

    with_broker(scenario)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"producerGroup": "other"}, "producer group wrong"),
        ({"tranStateTableOffset": 7}, "state table offset wrong"),
        ({"commitLogOffset": 12_345}, "Find prepared transaction message failed"),
    ],
)
def test_an_end_that_does_not_fit_is_refused(wrong, text):
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        sent = await send_half(client)
        answer = await end(client, end_ext(sent, COMMIT, **wrong))
        assert (answer.code, text in (answer.remark or "")) == (1, True)
        assert outcomes(rig) == []

    with_broker(scenario)


def test_half_messages_can_be_forbidden():
    async def scenario(rig: BrokerRig) -> None:
        answer = await send(rig.client(), properties=HALF)
        assert answer.code == ResponseCode.NO_PERMISSION

    with_broker(scenario, reject_transaction_message=True)


def questions(client: RawClient) -> list[RemotingCommand]:
    return [r for r in client.asked if r.code == RequestCode.CHECK_TRANSACTION_STATE]


def test_an_undecided_message_is_asked_about_and_then_committed():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await heartbeat(client, "p1", None, producer_group="PG")
        await send_half(client)
        await rig.sleep(61_000)
        (question,) = questions(client)
        half = decode_message(question.body)
        assert (half.topic, half.queue_id, half.uniq_key) == ("orders", 2, "U1")
        assert question.ext_fields["transactionId"] == "U1"
        ext = {name: question.ext_fields[name] for name in
               ("tranStateTableOffset", "commitLogOffset", "msgId")}  # fmt: skip
        verdict = {"producerGroup": "PG", "commitOrRollback": COMMIT, "fromTransactionCheck": True}
        assert (await end(client, {**ext, **verdict})).code == 0
        assert len(messages_of(await pull(client, queue_id=2))) == 1
        client.asked.clear()
        await heartbeat(client, "p1", None, producer_group="PG")
        await rig.sleep(65_000)
        assert questions(client) == []

    with_broker(scenario)


def test_a_decided_message_is_not_asked_about():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await heartbeat(client, "p1", None, producer_group="PG")
        for verdict in (COMMIT, ROLLBACK, COMMIT):
            await end(client, end_ext(await send_half(client), verdict))
        await rig.sleep(70_000)
        assert questions(client) == []
        offsets = rig.broker.consumer_offset_manager
        assert offsets.query_offset("CID_RMQ_SYS_TRANS", "RMQ_SYS_TRANS_HALF_TOPIC", 0) == 3
        assert offsets.query_offset("CID_RMQ_SYS_TRANS", "RMQ_SYS_TRANS_OP_HALF_TOPIC", 0) == 3

    with_broker(scenario)


@pytest.mark.parametrize("topic", ["RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC"])
def test_a_progress_beyond_the_end_is_corrected(topic):
    """As after a power cut that took messages, but not the table of offsets."""

    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        offsets = rig.broker.consumer_offset_manager
        sent = await send_half(client)
        await end(client, end_ext(sent, COMMIT))
        await rig.sleep(61_000)
        offsets.commit_offset("CID_RMQ_SYS_TRANS", topic, 0, 1_000)
        await rig.sleep(60_000)
        assert offsets.query_offset("CID_RMQ_SYS_TRANS", topic, 0) == 1
        await heartbeat(client, "p1", None, producer_group="PG")
        await end(client, end_ext(await send_half(client), ROLLBACK))
        await send_half(client)
        await rig.sleep(61_000)
        assert len(questions(client)) == 1  # about the undecided one only
        assert offsets.query_offset("CID_RMQ_SYS_TRANS", topic, 0) >= 2

    with_broker(scenario)


def test_after_the_last_question_it_is_given_up():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send_half(client)
        asked = 0
        for _ in range(12):
            await heartbeat(client, "p1", None, producer_group="PG")
            await rig.sleep(20_000)
            asked = len(questions(client))
        assert asked == 2
        (kept,) = messages_of(await pull(client, "TRANS_CHECK_MAX_TIME_TOPIC"))
        assert kept.properties["REAL_TOPIC"] == "orders"
        assert outcomes(rig) == ["discard"]

    with_broker(scenario, transaction_check_max=2)


def test_nobody_decides_with_unknown():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        sent = await send_half(client)
        silent = asyncio.ensure_future(end(client, end_ext(sent, UNKNOWN)))
        await rig.sleep(1_000)
        assert not silent.done()
        silent.cancel()

    with_broker(scenario)


# -- the decisions alone ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "properties", "stored_ago", "verdict"),
    [
        (5_999, {}, 1_000, Verdict.STOP),
        (6_000, {}, 1_000, Verdict.ASK),
        (6_000, {}, 0, Verdict.STOP),
        (-5, {}, 1_000, Verdict.ASK),
        (9_999, {"TRANSACTION_CHECK_TIMES": "15"}, 1_000, Verdict.DISCARD),
        (9_999, {"TRANSACTION_CHECK_TIMES": "14"}, 1_000, Verdict.ASK),
        (259_200_001, {}, 1_000, Verdict.DISCARD),
        (6_000, {"CHECK_IMMUNITY_TIME_IN_SECONDS": "10"}, 1_000, Verdict.SPARE),
        (10_000, {"CHECK_IMMUNITY_TIME_IN_SECONDS": "10"}, 1_000, Verdict.ASK),
        (5_000, {"CHECK_IMMUNITY_TIME_IN_SECONDS": "-1"}, 1_000, Verdict.SPARE),
        (6_000, {"CHECK_IMMUNITY_TIME_IN_SECONDS": "x"}, 1_000, Verdict.ASK),
    ],
)
def test_judging_a_half_message(age, properties, stored_ago, verdict):
    now = 1_700_000_000_000
    half = MessageExt(born_timestamp=now - age, store_timestamp=now - stored_ago)
    half.properties = properties
    assert (
        judge(
            half,
            now_millis=now,
            pass_began=now,
            check_max=15,
            patience_millis=6_000,
            reserved_millis=72 * 3_600_000,
        )
        is verdict
    )


@pytest.mark.parametrize(
    ("done", "offset"), [([], 5), ([5], 6), ([6, 5, 8], 7), ([6], 5), ([7, 6, 5], 8)]
)
def test_the_op_queue_is_done_up_to_the_first_gap(done, offset):
    assert contiguous_op_offset(done, 5) == offset
