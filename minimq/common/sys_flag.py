"""The bits that requests to pull and stored messages carry in their sysFlag.

Java:    common.sysflag.PullSysFlag, common.sysflag.MessageSysFlag, common.compression
Differs: IntFlag members print their names; the helpers take and return plain int, because
         arithmetic on IntFlag costs ten times as much and these run once per message.
"""

from enum import IntEnum, IntFlag


class PullSysFlag(IntFlag):
    COMMIT_OFFSET = 0x1
    SUSPEND = 0x2
    SUBSCRIPTION = 0x4
    CLASS_FILTER = 0x8
    LITE_PULL_MESSAGE = 0x10


class MessageSysFlag(IntFlag):
    COMPRESSED = 0x1
    MULTI_TAGS = 0x2
    TRANSACTION_PREPARED = 0x4
    TRANSACTION_COMMIT = 0x8
    BORNHOST_V6 = 0x10
    STOREHOST_V6 = 0x20


class TransactionType(IntEnum):
    """The value of the two transaction bits (0xC) as a number of its own."""

    NOT_TRANSACTION = 0
    PREPARED = 0x4
    COMMIT = 0x8
    ROLLBACK = 0xC


class CompressionType(IntEnum):
    """The three compression bits (0x700), shifted down; 0 stands for zlib as well."""

    OLD_ZLIB = 0
    LZ4 = 1
    ZSTD = 2
    ZLIB = 3


COMPRESSED_FLAG = 0x1
BORNHOST_V6_FLAG = 0x10
STOREHOST_V6_FLAG = 0x20
TRANSACTION_MASK = 0xC
COMPRESSION_MASK = 0x700
COMPRESSION_SHIFT = 8


def transaction_value(sys_flag: int) -> int:
    return sys_flag & TRANSACTION_MASK


def reset_transaction_value(sys_flag: int, value: int) -> int:
    return (sys_flag & ~TRANSACTION_MASK) | int(value)


def compression_type(sys_flag: int) -> int:
    return (sys_flag & COMPRESSION_MASK) >> COMPRESSION_SHIFT


def build_pull_sys_flag(
    *, commit_offset: bool, suspend: bool, subscription: bool, class_filter: bool = False
) -> int:
    return commit_offset * 0x1 | suspend * 0x2 | subscription * 0x4 | class_filter * 0x8
