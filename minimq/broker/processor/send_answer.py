"""How a put into the store looks to whoever sent the message.

Java:    SendMessageProcessor.handlePutMessageResult
"""

from __future__ import annotations

from minimq.protocol.response_code import ResponseCode
from minimq.store.put_message import PutMessageStatus

_ILLEGAL = (
    "the message is illegal, maybe msg body or properties length not matched. "
    "msg body length limit {size}B, msg properties length limit 32KB."
)
_UNAVAILABLE = (
    "service not available now. It may be caused by one of the following reasons: "
    "the broker's disk is full, the broker is a slave, or it is shutting down"
)

CODE_OF_STATUS: dict[PutMessageStatus, tuple[int, str]] = {
    PutMessageStatus.PUT_OK: (ResponseCode.SUCCESS, ""),
    PutMessageStatus.FLUSH_DISK_TIMEOUT: (ResponseCode.FLUSH_DISK_TIMEOUT, ""),
    PutMessageStatus.FLUSH_SLAVE_TIMEOUT: (ResponseCode.FLUSH_SLAVE_TIMEOUT, ""),
    PutMessageStatus.SLAVE_NOT_AVAILABLE: (ResponseCode.SLAVE_NOT_AVAILABLE, ""),
    PutMessageStatus.SERVICE_NOT_AVAILABLE: (ResponseCode.SERVICE_NOT_AVAILABLE, _UNAVAILABLE),
    PutMessageStatus.CREATE_MAPEDFILE_FAILED: (
        ResponseCode.SYSTEM_ERROR,
        "create mapped file failed, server is busy or broken.",
    ),
    PutMessageStatus.MESSAGE_ILLEGAL: (ResponseCode.MESSAGE_ILLEGAL, _ILLEGAL),
    PutMessageStatus.PROPERTIES_SIZE_EXCEEDED: (ResponseCode.MESSAGE_ILLEGAL, _ILLEGAL),
    PutMessageStatus.OS_PAGECACHE_BUSY: (
        ResponseCode.SYSTEM_ERROR,
        "[PC_SYNCHRONIZED]broker busy, start flow control for a while",
    ),
    PutMessageStatus.UNKNOWN_ERROR: (ResponseCode.SYSTEM_ERROR, "UNKNOWN_ERROR"),
}

STORED_CODES = frozenset(
    {
        ResponseCode.SUCCESS,
        ResponseCode.FLUSH_DISK_TIMEOUT,
        ResponseCode.SLAVE_NOT_AVAILABLE,
        ResponseCode.FLUSH_SLAVE_TIMEOUT,
    }
)
"""With these the message is in the log, and the answer carries its ids. Asked with `in`."""


def code_and_remark(
    status: PutMessageStatus, max_message_size: int, why: str
) -> tuple[int, str | None]:
    code, remark = CODE_OF_STATUS[status]
    if not remark:
        return code, None
    remark = remark.replace("{size}", str(max_message_size))
    return code, f"{remark} ({why})" if why else remark
