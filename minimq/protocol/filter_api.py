"""Turn a subscription expression into what the broker filters with.

Java:    common.filter.FilterAPI
Differs: the version (the time of subscribing) is given by the caller.
"""

from __future__ import annotations

from minimq.common.java_compat import string_hash_code
from minimq.protocol.consumer_enums import ExpressionType
from minimq.protocol.subscription_data import SUB_ALL, SubscriptionData, split_tags


def build_subscription_data(
    topic: str, expression: str | None, sub_version: int = 0
) -> SubscriptionData:
    """From `*` or `a || b`; ValueError if there is an expression but no tag in it."""
    if not expression or expression == SUB_ALL:
        return SubscriptionData(topic, SUB_ALL, sub_version=sub_version)
    tags = split_tags(expression)
    if not tags:
        raise ValueError("subString split error")
    codes = tuple(string_hash_code(tag) for tag in tags)
    return SubscriptionData(topic, expression, tags, codes, sub_version)


def build(
    topic: str, expression: str | None, expression_type: str | None, sub_version: int = 0
) -> SubscriptionData:
    """The same for any kind of expression; other kinds than TAG are kept as text."""
    if ExpressionType.is_tag_type(expression_type):
        return build_subscription_data(topic, expression, sub_version)
    if not expression:
        raise ValueError(f"Expression can't be null! {expression_type}")
    return SubscriptionData(
        topic, expression, sub_version=sub_version, expression_type=expression_type or ""
    )
