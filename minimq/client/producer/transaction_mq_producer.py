"""Half message, local transaction, verdict; and the verdict once more when a broker asks.

Java:    client.producer.TransactionMQProducer, DefaultMQProducerImpl#sendMessageInTransaction,
         #endTransaction, #checkTransactionState
Posts:   RocketMQ生产消费流程浅析, PROPERTY_TRANSACTION_PREPARED
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Any, NamedTuple

from minimq.client.hook import EndTransactionContext, call_hooks
from minimq.client.producer.mq_producer import DefaultMQProducer
from minimq.client.producer.send_result import SendResult, SendStatus
from minimq.common.executor import Executor
from minimq.common.host import Host
from minimq.common.message import Message, MessageExt
from minimq.common.message_const import MessageConst
from minimq.common.sys_flag import TransactionType
from minimq.errors import MiniMQError, MQClientError, ServiceStateError
from minimq.protocol.headers import (
    CheckTransactionStateRequestHeader,
    EndTransactionRequestHeader,
)
from minimq.protocol.message_codec import decode_message_id
from minimq.telemetry import catalog

LOCAL_TRANSACTION_THREADS = 20
"""Local parts that run at a time; Java runs each on its sender's thread."""
CHECK_REQUESTS_MAX = 2_000
"""Java: checkRequestHoldMax. Questions of brokers that may wait for the check thread."""
SERVICE = "producer"


class LocalTransactionState(IntEnum):
    COMMIT_MESSAGE = 0
    ROLLBACK_MESSAGE = 1
    UNKNOW = 2


_VERDICT = {
    LocalTransactionState.COMMIT_MESSAGE: int(TransactionType.COMMIT),
    LocalTransactionState.ROLLBACK_MESSAGE: int(TransactionType.ROLLBACK),
    LocalTransactionState.UNKNOW: int(TransactionType.NOT_TRANSACTION),
}


class TransactionListener(ABC):
    """Both run on a thread of their own; nothing, or an exception, is UNKNOW."""

    @abstractmethod
    def execute_local_transaction(
        self, message: Message, arg: Any
    ) -> LocalTransactionState | None: ...

    @abstractmethod
    def check_local_transaction(self, message: MessageExt) -> LocalTransactionState | None: ...


class TransactionSendResult(NamedTuple):
    send_result: SendResult
    local_transaction_state: LocalTransactionState

    @property
    def send_status(self) -> SendStatus:
        return self.send_result.send_status

    @property
    def msg_id(self) -> str:
        return self.send_result.msg_id


class TransactionMQProducer(DefaultMQProducer):
    def __init__(
        self,
        producer_group: str,
        *,
        transaction_listener: TransactionListener | None = None,
        host: Host | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(producer_group, host=host, **settings)
        self.transaction_listener = transaction_listener
        self._local: Executor | None = None
        self._check: Executor | None = None
        self._checks_waiting = 0
        self._local_parts: set[asyncio.Future[tuple[Any, BaseException | None]]] = set()
        self._verdicts: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        if self.transaction_listener is None:
            raise MQClientError("tranExecutor is null: give a transaction_listener")
        await super().start()
        make = self.impl.host.executor
        self._local = make("TransactionMQProducer-local", LOCAL_TRANSACTION_THREADS)
        self._check = make("TransactionMQProducer-check", 1)
        self.impl.check_transaction_state = self._check_transaction_state

    async def shutdown(self) -> None:
        for executor in (self._local, self._check):
            if executor is not None:
                executor.shutdown()
        for ended in list(self._local_parts):  # the broker will ask how they ended
            if not ended.done():
                ended.set_result((None, ServiceStateError("the producer was shut down")))
        await super().shutdown()

    async def send_message_in_transaction(
        self, message: Message, arg: Any = None
    ) -> TransactionSendResult:
        """Store the half message, run the local part, send the verdict one-way."""
        self.impl.make_sure_state_ok()
        message.clear_property(MessageConst.PROPERTY_DELAY_TIME_LEVEL)
        message.put_property(MessageConst.PROPERTY_TRANSACTION_PREPARED, "true")
        message.put_property(MessageConst.PROPERTY_PRODUCER_GROUP, self.producer_group)
        result = await self.send(message)
        state, error = LocalTransactionState.ROLLBACK_MESSAGE, None
        if result.send_status is SendStatus.SEND_OK:
            message.transaction_id = message.uniq_key
            state, error = await self._execute_local_transaction(message, arg)
        self._tell(catalog.TRANSACTION_EXECUTED, result.msg_id, state)
        try:
            await self._end_transaction(message, result, state, error)
        except MiniMQError as failure:  # the broker will ask
            emit = self.impl.host.recorder.emit
            emit(catalog.SERVICE_FAILED, SERVICE, f"end transaction {result.msg_id}: {failure}")
        return TransactionSendResult(result, state)

    async def _execute_local_transaction(
        self, message: Message, arg: Any
    ) -> tuple[LocalTransactionState, BaseException | None]:
        listener, executor = self.transaction_listener, self._local
        assert listener is not None
        assert executor is not None
        ended: asyncio.Future[tuple[Any, BaseException | None]]
        ended = asyncio.get_running_loop().create_future()
        self._local_parts.add(ended)
        ended.add_done_callback(self._local_parts.discard)
        executor.submit(
            lambda: listener.execute_local_transaction(message, arg),
            lambda result, error: None if ended.done() else ended.set_result((result, error)),
        )
        result, error = await ended
        return _state(result), error

    async def _end_transaction(
        self,
        message: Message,
        result: SendResult,
        state: LocalTransactionState,
        error: BaseException | None,
    ) -> None:
        _, commit_log_offset = decode_message_id(result.offset_msg_id or result.msg_id)
        broker_name = result.message_queue.broker_name
        address = await self.instance.find_master(broker_name, self.with_namespace(message.topic))
        header = EndTransactionRequestHeader(
            producer_group=self.producer_group,
            tran_state_table_offset=result.queue_offset,
            commit_log_offset=commit_log_offset,
            commit_or_rollback=_VERDICT[state],
            msg_id=result.msg_id,
            transaction_id=result.transaction_id,
        )
        remark = f"executeLocalTransactionBranch exception: {error!r}" if error else None
        await self._send_verdict(address, header, message, state, remark)

    async def _send_verdict(
        self,
        address: str,
        header: EndTransactionRequestHeader,
        message: Message,
        state: LocalTransactionState,
        remark: str | None,
    ) -> None:
        if self.end_transaction_hooks:
            context = EndTransactionContext(
                self.producer_group,
                message,
                address,
                header.msg_id,
                header.transaction_id or "",
                state.name,
                header.from_transaction_check,
            )
            call_hooks([hook.end_transaction for hook in self.end_transaction_hooks], context)
        await self.instance.mq_client_api.end_transaction_oneway(address, header, remark)

    # -- a broker asks ---------------------------------------------------------------------------

    def _check_transaction_state(
        self, address: str, message: MessageExt, header: CheckTransactionStateRequestHeader
    ) -> None:
        """On the loop; the listener's check runs on its own thread."""
        listener, executor = self.transaction_listener, self._check
        if listener is None or executor is None or self._checks_waiting >= CHECK_REQUESTS_MAX:
            return
        self._checks_waiting += 1

        def checked(result: Any, error: BaseException | None) -> None:
            self._checks_waiting -= 1
            task = asyncio.get_running_loop().create_task(
                self._answer_check(address, message, header, _state(result), error)
            )
            self._verdicts.add(task)
            task.add_done_callback(self._verdicts.discard)

        executor.submit(lambda: listener.check_local_transaction(message), checked)

    async def _answer_check(
        self,
        address: str,
        message: MessageExt,
        check: CheckTransactionStateRequestHeader,
        state: LocalTransactionState,
        error: BaseException | None,
    ) -> None:
        msg_id = message.uniq_key or message.msg_id
        self._tell(catalog.TRANSACTION_ASKED, msg_id, state)
        header = EndTransactionRequestHeader(
            producer_group=self.producer_group,
            tran_state_table_offset=check.tran_state_table_offset,
            commit_log_offset=check.commit_log_offset,
            commit_or_rollback=_VERDICT[state],
            msg_id=msg_id,
            from_transaction_check=True,
            transaction_id=check.transaction_id,
        )
        remark = f"checkLocalTransactionState Exception: {error!r}" if error else None
        try:
            await self._send_verdict(address, header, message, state, remark)
        except MiniMQError as failure:
            emit = self.impl.host.recorder.emit
            emit(catalog.SERVICE_FAILED, SERVICE, f"answer check of {msg_id}: {failure}")

    def _tell(self, event_type: Any, msg_id: str, state: LocalTransactionState) -> None:
        self.impl.host.recorder.emit(event_type, SERVICE, msg_id, state.name)


def _state(result: Any) -> LocalTransactionState:
    return result if isinstance(result, LocalTransactionState) else LocalTransactionState.UNKNOW
