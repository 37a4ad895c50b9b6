"""Find the keys of many records and count their hashes, in one loop.

Java:    store.index.IndexService.buildIndex, IndexFile.indexKeyHashMethod
"""

from __future__ import annotations

from collections.abc import Iterable

from minimq.common.java_compat import QUOTIENTS, REMAINDERS, string_hash_code
from minimq.common.message_const import MessageConst
from minimq.common.sys_flag import TRANSACTION_MASK, TransactionType
from minimq.protocol.message_codec import find_property

NotedRecord = tuple[int, int, str, bytes, int, int]
"""What the index needs of a record: its log offset and the next one's, topic, properties, sysFlag
and store time. A plain tuple, because one is made for every message."""
NewEntry = tuple[int, int, int]
"""Key hash, log offset, store time."""

_SEPARATOR = MessageConst.KEY_SEPARATOR
_UNIQ_KEY = MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX.encode()
_UNIQ_KEY_IS = _UNIQ_KEY + b"\x01"
_KEYS = MessageConst.PROPERTY_KEYS.encode()
_ROLLBACK = int(TransactionType.ROLLBACK)
_HALF = 0x7FFF_FFFF
_USUAL_MAX = 250
"""A longer name of topic and key is hashed in the general way."""


def index_key_hash(topic: str, key: str) -> int:
    """abs(hashCode) of `topic#key`; 0 for the one number without a positive twin."""
    h = string_hash_code(f"{topic}#{key}")
    return 0 if h == -0x8000_0000 else abs(h)


def key_entries(records: Iterable[NotedRecord]) -> list[NewEntry]:
    """One entry for each key of each record.

    The usual message has the producer's id in ASCII letters, and no KEYS. Every message of the
    broker passes here, so what that takes (see `ascii_hash_code`) is written out without a call.
    """
    entries: list[NewEntry] = []
    add, start_of_id = entries.append, len(_UNIQ_KEY_IS)
    prefix, prefix_of = b"#", ""
    for offset, _, topic, properties, sys_flag, stamp in records:
        if sys_flag & TRANSACTION_MASK == _ROLLBACK:
            continue
        if topic != prefix_of:
            prefix, prefix_of = b"%b#" % topic.encode(), topic
        at = properties.rfind(_UNIQ_KEY_IS)
        if at >= 0 > properties.find(_KEYS) and (not at or properties[at - 1] == 2):
            end = properties.find(b"\x02", at)
            start = at + start_of_id
            name = prefix + (properties[start:] if end < 0 else properties[start:end])
            if name.isascii() and name != prefix and len(name) <= _USUAL_MAX:
                high, low = name.translate(QUOTIENTS), name.translate(REMAINDERS)
                h = int(high, 31) * 31 + int(low, 31) & 0xFFFF_FFFF
                add((h if h <= _HALF else -h & _HALF, offset, stamp))
                continue
        for key in _keys_of(properties):
            add((index_key_hash(topic, key), offset, stamp))
    return entries


def _keys_of(properties: bytes) -> list[str]:
    """The producer's id of the message, then each of its KEYS."""
    uniq_key = find_property(properties, _UNIQ_KEY)
    keys = [uniq_key] if uniq_key else []
    if _KEYS in properties:
        text = find_property(properties, _KEYS) or ""
        keys += [key for key in text.split(_SEPARATOR) if key]
    return keys
