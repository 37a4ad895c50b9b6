"""Decide whether one more attempt to send is made, and what the caller hears after the last.

Java:    DefaultMQProducerImpl#sendDefaultImpl (the loop and its catch branches)
Posts:   RocketMQ生产消费流程浅析, sendDefaultImpl
Differs: the loop is turned inside out, so that the blocking and the async producer drive the same
         decision; MQBrokerError retries on six codes only, not always as the post has it.
         A budget that is used up to the millisecond ends the loop; Java sends once more with 0 ms
         left, which cannot succeed but may store a second copy.
"""

from __future__ import annotations

from minimq.client.producer.send_result import SendResult, SendStatus
from minimq.errors import (
    MiniMQError,
    MQBrokerError,
    MQClientError,
    RemotingConnectError,
    RemotingError,
    RemotingTimeoutError,
    RemotingTooMuchRequestError,
)
from minimq.protocol.response_code import ResponseCode

RETRY_RESPONSE_CODES = (
    ResponseCode.TOPIC_NOT_EXIST,
    ResponseCode.SERVICE_NOT_AVAILABLE,
    ResponseCode.SYSTEM_ERROR,
    ResponseCode.NO_PERMISSION,
    ResponseCode.NO_BUYER_ID,
    ResponseCode.NOT_IN_CURRENT_UNIT,
)
CONNECT_BROKER_EXCEPTION = 10_001
ACCESS_BROKER_TIMEOUT = 10_002
BROKER_NOT_EXIST_EXCEPTION = 10_003
NOT_FOUND_TOPIC_EXCEPTION = 10_005


class SendRetry:
    """One synchronous send. Ask `wants_attempt`, send, report with `succeeded` or `failed`."""

    def __init__(
        self,
        topic: str,
        timeout_millis: float,
        retry_times: int,
        retry_another_broker: bool,
        retry_codes: frozenset[int],
    ) -> None:
        self.topic = topic
        self.timeout_millis = timeout_millis
        self.times_total = 1 + retry_times
        self.times = 0
        self.brokers_sent: list[str] = []
        self.spent_millis = 0.0
        self._retry_another_broker = retry_another_broker
        self._retry_codes = retry_codes
        self._call_timeout = False
        self._ended = False
        self._result: SendResult | None = None
        self._error: MiniMQError | None = None

    @property
    def last_broker_name(self) -> str | None:
        return self.brokers_sent[-1] if self.brokers_sent else None

    @property
    def remaining_millis(self) -> float:
        return self.timeout_millis - self.spent_millis

    def wants_attempt(self, spent_millis: float) -> bool:
        """All attempts share one budget; a spent one ends the loop."""
        self.spent_millis = spent_millis
        if self._ended or self.times >= self.times_total:
            return False
        if self.timeout_millis < spent_millis or (self.times and self.remaining_millis <= 0):
            self._call_timeout = True
            return False
        return True

    def began(self, broker_name: str) -> None:
        self.times += 1
        self.brokers_sent.append(broker_name)

    def succeeded(self, result: SendResult) -> bool:
        """True: this is the answer. False: not stored well enough, try another broker."""
        self._result = result
        return result.send_status is SendStatus.SEND_OK or not self._retry_another_broker

    def failed(self, error: MiniMQError, spent_millis: float = 0) -> bool:
        """True: try again, if the budget still allows it."""
        self._error = error
        self.spent_millis = spent_millis
        if isinstance(error, MQBrokerError):
            retry = error.response_code in self._retry_codes
        else:
            retry = isinstance(error, RemotingError | MQClientError)
        self._ended = not retry
        return retry and self.times < self.times_total and self.remaining_millis > 0

    def outcome(self) -> SendResult:
        """The last result if there was any, else the exception for the caller."""
        if self._result is not None:
            return self._result
        if self._call_timeout:
            raise RemotingTooMuchRequestError(
                f"sendDefaultImpl call timeout: {self.times} attempts used up "
                f"{self.timeout_millis:.0f} ms ({self._error})"
            )
        error = self._error
        if isinstance(error, MQBrokerError) and error.response_code not in self._retry_codes:
            raise error
        text = (
            f"Send [{self.times}] times, still failed, cost [{self.spent_millis:.0f}]ms, "
            f"Topic: {self.topic}, BrokersSent: {self.brokers_sent}: {error}"
        )
        raise MQClientError(text, _client_code(error)) from error


def _client_code(error: MiniMQError | None) -> int:
    if isinstance(error, MQBrokerError):
        return error.response_code
    if isinstance(error, RemotingConnectError):
        return CONNECT_BROKER_EXCEPTION
    if isinstance(error, RemotingTimeoutError):
        return ACCESS_BROKER_TIMEOUT
    if isinstance(error, MQClientError):
        return BROKER_NOT_EXIST_EXCEPTION
    return -1
