"""Servers for the admin commands: the genuine ones or ours, with a Java client on them."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

from minimq.cli.admin import main
from tests.helpers.processes import wait_until
from tests.peers.java_client import JavaConsumer, JavaPeer, JavaProducer

CLUSTER = "DefaultCluster"
TOPIC, GROUP, PRODUCER_GROUP = "orders", "CG", "PG"


class AdminRig:
    """`broker` is its address; one topic with two queues, three messages and one consumer."""

    def __init__(self, make: str, namesrv: str, broker: str, java: JavaPeer) -> None:
        self.make = make
        self.namesrv = namesrv
        self.broker = broker
        self.java = java
        self.sent: list[dict[str, Any]] = []

    def ours(self, *words: str) -> str:
        """What `minimq admin WORDS` prints; it must succeed."""
        code, out, err = self.attempt(*words)
        assert (code, err) == (0, ""), err
        return out

    def attempt(self, *words: str) -> tuple[int, str, str]:
        return attempt(*words, "-n", self.namesrv)

    def genuine(self, *words: str) -> str:
        """What mqadmin prints."""
        return self.java.admin(*words)

    def both(self, *words: str) -> tuple[list[str], list[str]]:
        """The lines of ours and of mqadmin, without what differs on purpose."""
        return tidy(self.ours(*words)), tidy(self.genuine(*words))

    def fill(self) -> tuple[JavaProducer, JavaConsumer]:
        """Send, consume, and wait until the offsets have been committed."""
        self.ours("updateTopic", "-b", self.broker, "-t", TOPIC, "-r", "2", "-w", "2")
        self.ours("updateTopic", "-b", self.broker, "-t", f"%RETRY%{GROUP}", "-r", "1", "-w", "1")
        producer = self.java.producer(PRODUCER_GROUP)
        options: dict[str, Any] = {"tags": ["A", "B"], "keys": ["k1 k2"]}
        options["properties"] = {"colour": "red"}
        self.sent = producer.send(TOPIC, ["hello", "wörld", "x"], **options)
        consumer = self.java.push_consumer(GROUP, {TOPIC: "A || B"})
        consumer.wait(3)
        wait_until(
            lambda: "Diff Total: 0" in self.attempt("consumerProgress", "-g", GROUP)[1],
            timeout=30,
            what="committed offsets",
        )
        return producer, consumer

    @property
    def client_id(self) -> str:
        """Of the consumer."""
        lines = self.ours("consumerConnection", "-g", GROUP).splitlines()
        return lines[1].split()[0]


def attempt(*words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `minimq admin WORDS`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(words))
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, out.getvalue(), err.getvalue()


def tidy(text: str) -> list[str]:
    """Lines without trailing blanks, empty ones, and the body that mqadmin puts into a file."""
    lines = [line.rstrip() for line in text.splitlines()]
    return [line for line in lines if line and not re.match(r"Message Body( Path)?:", line)]
