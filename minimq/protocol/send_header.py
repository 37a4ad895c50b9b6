"""Give the fields of sending and pulling, the headers that are read for every message.

Java:    SendMessageRequestHeader(V2), SendMessageResponseHeader, PullMessageRequestHeader,
         PullMessageResponseHeader
Differs: read and written by hand for speed, in both spellings of the names: the long one (V1) of
         SEND_MESSAGE, the letters (V2) of SEND_MESSAGE_V2 and SEND_BATCH_MESSAGE.
"""

from __future__ import annotations

from dataclasses import field, fields

from minimq.errors import RemoteCommandError
from minimq.protocol.custom_header import (
    CommandCustomHeader,
    Int,
    Long,
    header_specs,
    missing_field,
    read_bool,
    read_int,
    read_long,
    write_value,
)
from minimq.protocol.plain_record import header

_INT = 2**31
_LONG = 2**63


@header
class SendMessageRequestHeader(CommandCustomHeader):
    producer_group: str = field(metadata={"v2": "a"})
    topic: str = field(metadata={"v2": "b"})
    default_topic: str = field(metadata={"v2": "c"})
    default_topic_queue_nums: Int = field(metadata={"v2": "d"})
    queue_id: Int = field(metadata={"v2": "e"})
    sys_flag: Int = field(metadata={"v2": "f"})
    born_timestamp: Long = field(metadata={"v2": "g"})
    flag: Int = field(metadata={"v2": "h"})
    properties: str | None = field(default=None, metadata={"v2": "i"})
    reconsume_times: Int | None = field(default=0, metadata={"v2": "j"})
    unit_mode: bool = field(default=False, metadata={"v2": "k"})
    max_reconsume_times: Int | None = field(default=None, metadata={"v2": "l"})
    batch: bool = field(default=False, metadata={"v2": "m"})
    bname: str | None = field(default=None, metadata={"v2": "n"})

    @classmethod
    def from_ext(cls, ext: dict[str, str]) -> SendMessageRequestHeader:
        try:
            return cls._read(_V1, ext)
        except ValueError:
            raise _find_fault(ext, _V1) from None
        except KeyError as error:
            raise missing_field(error.args[0]) from None

    @classmethod
    def from_ext_v2(cls, ext: dict[str, str]) -> SendMessageRequestHeader:
        try:
            return cls._read(_V2, ext)
        except ValueError:
            raise _find_fault(ext, _V2) from None
        except KeyError as error:
            raise missing_field(error.args[0]) from None

    @classmethod
    def _read(cls, names: tuple[str, ...], ext: dict[str, str]) -> SendMessageRequestHeader:
        a, b, c, d, e, f, g, h, i, j, k, m, n, o = names
        get = ext.get
        queue_nums, queue_id = int(ext[d]), int(ext[e])
        sys_flag, born_timestamp, flag = int(ext[f]), int(ext[g]), int(ext[h])
        reconsume_times, maximum = int(get(j) or 0), get(m)
        unit_mode, batch = get(k), get(n)
        if not (
            -_INT <= queue_nums < _INT
            and -_INT <= queue_id < _INT
            and -_INT <= sys_flag < _INT
            and -_LONG <= born_timestamp < _LONG
            and -_INT <= flag < _INT
            and -_INT <= reconsume_times < _INT
        ):
            raise ValueError
        return cls(
            producer_group=ext[a],
            topic=ext[b],
            default_topic=ext[c],
            default_topic_queue_nums=queue_nums,
            queue_id=queue_id,
            sys_flag=sys_flag,
            born_timestamp=born_timestamp,
            flag=flag,
            properties=get(i),
            reconsume_times=reconsume_times,
            unit_mode=unit_mode != "false" and read_bool(unit_mode),
            max_reconsume_times=read_int(m, maximum) if maximum else None,
            batch=batch != "false" and read_bool(batch),
            bname=get(o),
        )

    def to_ext_v2(self) -> dict[str, str]:
        return self._write(_V2)

    def to_ext(self) -> dict[str, str]:
        return self._write(_V1)

    def _write(self, names: tuple[str, ...]) -> dict[str, str]:
        """The fields in the order of the names; the optional ones come last."""
        ext = {
            names[0]: self.producer_group,
            names[1]: self.topic,
            names[2]: self.default_topic,
            names[3]: str(self.default_topic_queue_nums),
            names[4]: str(self.queue_id),
            names[5]: str(self.sys_flag),
            names[6]: str(self.born_timestamp),
            names[7]: str(self.flag),
            names[10]: "true" if self.unit_mode else "false",
            names[12]: "true" if self.batch else "false",
        }
        if self.properties is not None:
            ext[names[8]] = self.properties
        if self.reconsume_times is not None:
            ext[names[9]] = str(self.reconsume_times)
        if self.max_reconsume_times is not None:
            ext[names[11]] = str(self.max_reconsume_times)
        if self.bname is not None:
            ext[names[13]] = self.bname
        return ext


_V1 = tuple(spec.wire_name for spec in header_specs(SendMessageRequestHeader))
_V2 = tuple(item.metadata["v2"] for item in fields(SendMessageRequestHeader))


def _find_fault(ext: dict[str, str], names: tuple[str, ...]) -> RemoteCommandError:
    """Which of the numbers could not be read; asked only after one could not."""
    for name, spec in zip(names, header_specs(SendMessageRequestHeader), strict=True):
        try:
            spec.read(name, ext.get(name) or "0")
        except RemoteCommandError as error:
            return error
    return RemoteCommandError(f"send header cannot be read: {ext}")


@header
class SendMessageResponseHeader(CommandCustomHeader):
    """`msg_id` is the store id; for a batch all ids, joined by commas."""

    msg_id: str
    queue_id: Int
    queue_offset: Long
    transaction_id: str | None = None

    def to_ext(self) -> dict[str, str]:
        ext = {
            "msgId": self.msg_id,
            "queueId": str(self.queue_id),
            "queueOffset": str(self.queue_offset),
        }
        if self.transaction_id is not None:
            ext["transactionId"] = self.transaction_id
        return ext


@header
class PullMessageRequestHeader(CommandCustomHeader):
    consumer_group: str
    topic: str
    queue_id: Int
    queue_offset: Long
    max_msg_nums: Int
    sys_flag: Int
    commit_offset: Long
    suspend_timeout_millis: Long
    sub_version: Long
    subscription: str | None = None
    expression_type: str | None = None
    bname: str | None = None

    @classmethod
    def from_ext(cls, ext: dict[str, str]) -> PullMessageRequestHeader:
        get = ext.get
        try:
            return cls(
                consumer_group=ext["consumerGroup"],
                topic=ext["topic"],
                queue_id=read_int("queueId", ext["queueId"]),
                queue_offset=read_long("queueOffset", ext["queueOffset"]),
                max_msg_nums=read_int("maxMsgNums", ext["maxMsgNums"]),
                sys_flag=read_int("sysFlag", ext["sysFlag"]),
                commit_offset=read_long("commitOffset", ext["commitOffset"]),
                suspend_timeout_millis=read_long(
                    "suspendTimeoutMillis", ext["suspendTimeoutMillis"]
                ),
                sub_version=read_long("subVersion", ext["subVersion"]),
                subscription=get("subscription"),
                expression_type=get("expressionType"),
                bname=get("bname"),
            )
        except KeyError as error:
            raise missing_field(error.args[0]) from None


@header
class PullMessageResponseHeader(CommandCustomHeader):
    """All four must be there whenever the store was asked: Java fails on a missing one."""

    suggest_which_broker_id: Long
    next_begin_offset: Long
    min_offset: Long
    max_offset: Long

    def to_ext(self) -> dict[str, str]:
        return {
            "maxOffset": write_value(self.max_offset),
            "minOffset": write_value(self.min_offset),
            "nextBeginOffset": write_value(self.next_begin_offset),
            "suggestWhichBrokerId": write_value(self.suggest_which_broker_id),
        }
