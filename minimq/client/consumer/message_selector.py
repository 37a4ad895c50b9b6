"""Say by which kind of expression messages are chosen.

Java:    client.consumer.MessageSelector
"""

from __future__ import annotations

from typing import NamedTuple

from minimq.protocol.consumer_enums import ExpressionType
from minimq.protocol.subscription_data import SUB_ALL


class MessageSelector(NamedTuple):
    expression: str
    expression_type: str = ExpressionType.TAG

    @classmethod
    def by_tag(cls, tag: str = SUB_ALL) -> MessageSelector:
        return cls(tag, ExpressionType.TAG)

    @classmethod
    def by_sql(cls, sql: str) -> MessageSelector:
        """The broker evaluates it over the message's properties (enablePropertyFilter=true)."""
        return cls(sql, ExpressionType.SQL92)
