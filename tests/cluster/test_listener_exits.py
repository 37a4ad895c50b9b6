"""A listener that ends its own process: the others take over, and the message comes again."""

from __future__ import annotations

import os

import pytest

from minimq.aio import ConsumeConcurrentlyStatus

pytestmark = pytest.mark.live

EXIT_CODE = 7
FROM_FIRST = {"consume_from_where": "CONSUME_FROM_FIRST_OFFSET"}


def exits(messages, context):
    os._exit(EXIT_CODE)


def keeps(messages, context):
    context.report([message.keys for message in messages])
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


def test_the_exit_is_told_and_the_message_handled_by_another(small):
    small.create_topic("orders", queues=1)
    producer = small.add_producer("orders")
    small.send("orders", "poison", keys="K1", node=producer)
    bad = small.add_consumer("orders", "billing", exits, settings=FROM_FIRST)
    small.wait_until(lambda: not small.node(bad).alive, timeout=20)
    assert f"exit code {EXIT_CODE}" in small.node(bad).error
    small.wait_until(lambda: small.events.named("node.exited"), timeout=10)
    (exited,) = small.events.named("node.exited")
    assert (exited.fields["node"], exited.fields["exit_code"]) == (str(bad), EXIT_CODE)
    good = small.add_consumer("orders", "billing", keeps, settings=FROM_FIRST)
    small.wait_until(lambda: small.reports(good), timeout=20)
    assert small.reports(good) == [["K1"]]
    assert small.send("orders", "more", keys="K2", node=producer).status == "SEND_OK"
    small.wait_until(lambda: len(small.reports(good)) == 2, timeout=20)
