"""Say which messages of a topic a group wants.

Java:    common.protocol.heartbeat.SubscriptionData
Differs: tags and codes are tuples in the order of the expression, so nothing depends on how a set
         iterates; the codes of a peer are never believed, C++ sends wrong ones.
"""

from __future__ import annotations

from typing import Self

from minimq.common.java_compat import string_hash_code
from minimq.protocol.consumer_enums import ExpressionType
from minimq.protocol.json_body import JsonBody
from minimq.protocol.plain_record import body

SUB_ALL = "*"


def split_tags(expression: str | None) -> tuple[str, ...]:
    """The tags of `a || b`, trimmed, without empty ones and repetitions; none for all."""
    if not expression or expression == SUB_ALL:
        return ()
    pieces = (piece.strip() for piece in expression.split("||"))
    return tuple(dict.fromkeys(piece for piece in pieces if piece))


@body
class SubscriptionData(JsonBody):
    topic: str = ""
    sub_string: str = ""
    tags_set: tuple[str, ...] = ()
    code_set: tuple[int, ...] = ()
    sub_version: int = 0
    expression_type: str = ExpressionType.TAG
    class_filter_mode: bool = False

    @classmethod
    def from_json(cls, members: object) -> Self:
        data = super(SubscriptionData, cls).from_json(members)  # noqa: UP008 (slots)
        if ExpressionType.is_tag_type(data.expression_type):
            data.tags_set = split_tags(data.sub_string) if data.sub_string else data.tags_set
        data.code_set = tuple(string_hash_code(tag) for tag in data.tags_set)
        return data

    @property
    def is_sub_all(self) -> bool:
        """No tag is asked for, so every message matches."""
        return not self.tags_set
