"""Names, permissions and flag bits."""

import pytest

from minimq.common import mix_all, sys_flag


@pytest.mark.parametrize(
    ("topic", "complaint"),
    [
        ("TopicTest", None),
        ("%RETRY%group-1_a|b", None),
        ("t" * 127, None),
        ("", "blank"),
        ("  ", "blank"),
        ("订单", "illegal characters"),
        ("a b", "illegal characters"),
        ("a\n", "illegal characters"),
        ("t" * 128, "longer than"),
    ],
)
def test_topic_names(topic, complaint):
    found = mix_all.topic_complaint(topic)
    assert found is None if complaint is None else complaint in (found or "")


def test_retry_and_dead_letter_topics():
    retry = mix_all.get_retry_topic("CG")
    assert retry == "%RETRY%CG"
    assert mix_all.is_retry_topic(retry)
    assert mix_all.group_of_retry_topic(retry) == "CG"
    assert mix_all.get_dlq_topic("CG") == "%DLQ%CG"
    assert mix_all.is_dlq_topic("%DLQ%CG")
    assert not mix_all.is_retry_topic("%DLQ%CG")
    assert mix_all.get_reply_topic("C") == "C_REPLY_TOPIC"


def test_system_topics():
    assert mix_all.is_system_topic("TBW102")
    assert mix_all.is_system_topic("rmq_sys_anything")
    assert not mix_all.is_system_topic("TopicTest")
    assert mix_all.is_not_allowed_send_topic("SCHEDULE_TOPIC_XXXX")
    assert not mix_all.is_not_allowed_send_topic("TBW102")


@pytest.mark.parametrize(
    ("perm", "text", "bits"),
    [
        (6, "RW-", (True, True, False)),
        (7, "RWX", (True, True, True)),
        (4, "R--", (True, False, False)),
        (2, "-W-", (False, True, False)),
    ],
)
def test_permissions(perm, text, bits):
    assert mix_all.perm_to_string(perm) == text
    read, write, inherit = mix_all.is_readable, mix_all.is_writeable, mix_all.is_inherited
    assert (read(perm), write(perm), inherit(perm)) == bits


def test_pull_flags():
    build = sys_flag.build_pull_sys_flag
    assert build(commit_offset=True, suspend=True, subscription=False) == 3
    assert build(commit_offset=False, suspend=True, subscription=True) == 6
    assert sys_flag.PullSysFlag(22) == (
        sys_flag.PullSysFlag.SUSPEND
        | sys_flag.PullSysFlag.SUBSCRIPTION
        | sys_flag.PullSysFlag.LITE_PULL_MESSAGE
    )


@pytest.mark.parametrize("kind", list(sys_flag.TransactionType))
def test_transaction_bits_are_replaced_and_nothing_else(kind):
    flag = sys_flag.reset_transaction_value(0x30D, kind)
    assert sys_flag.transaction_value(flag) == kind
    assert flag & ~0xC == 0x301
    assert sys_flag.compression_type(flag) == sys_flag.CompressionType.ZLIB
