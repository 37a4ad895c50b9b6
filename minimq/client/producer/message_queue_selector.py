"""Ready-made ways to choose a queue by hand.

Java:    client.producer.selector.SelectMessageQueueByHash, SelectMessageQueueByRandom
Differs: a selector is a function of (queues, message, arg); text hashes as in Java, so that Java
         producers choose the same queue; the machine-room selector, which returns null in Java,
         is left out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from minimq.common.java_compat import string_hash_code
from minimq.common.message import Message
from minimq.common.message_queue import MessageQueue


def select_message_queue_by_hash(
    queues: Sequence[MessageQueue], message: Message, arg: Any
) -> MessageQueue:
    """`arg` is text (Java's String.hashCode) or a whole number (Java's Long.hashCode)."""
    return queues[abs(java_hash_code(arg)) % len(queues)]


def java_hash_code(value: Any) -> int:
    if isinstance(value, str):
        return string_hash_code(value)
    if isinstance(value, int):
        folded = (value ^ (value >> 32)) & 0xFFFF_FFFF if not -(2**31) <= value < 2**31 else value
        return folded - 2**32 if folded >= 2**31 else folded
    return string_hash_code(str(value))


class SelectMessageQueueByRandom:
    def __init__(self, rng: random.Random) -> None:
        self._random = rng

    def __call__(self, queues: Sequence[MessageQueue], message: Message, arg: Any) -> MessageQueue:
        return queues[self._random.randrange(len(queues))]
