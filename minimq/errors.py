"""Every exception that minimq raises on purpose, drawn as one tree.

Java:    client.exception.*, remoting.exception.*

    MiniMQError                        retriable, maybe_done
    ├── RemotingError                  Java: RemotingException
    │   ├── RemotingConnectError       retriable
    │   ├── RemotingSendRequestError   retriable, maybe_done
    │   ├── RemotingTimeoutError       retriable, maybe_done
    │   ├── RemotingTooMuchRequestError
    │   └── RemotingCommandError
    │       ├── LocalCommandError      we built it wrong
    │       └── RemoteCommandError     the peer's bytes are wrong
    ├── MQClientError                  Java: MQClientException
    │   ├── ServiceStateError
    │   ├── TopicRouteNotFoundError
    │   ├── RequestTimeoutError        sent, but no consumer replied
    │   └── MessageIllegalError
    ├── MQBrokerError                  Java: MQBrokerException, carries the response code
    ├── StoreError                     a damaged or inconsistent file
    ├── AclError                       Java: AclException; access refused, or a rule unreadable
    ├── ConfigError                    a setting that does not exist or cannot be read
    ├── TableFullError                 a bound was reached
    └── ClusterError                   an unknown node, a failed start, a wait that ran out
"""

from __future__ import annotations


class MiniMQError(Exception):
    """Base of all. `retriable`: trying again may help; `maybe_done`: it may have been done."""

    retriable = False
    maybe_done = False


class RemotingError(MiniMQError):
    """Something went wrong between two processes."""


class RemotingConnectError(RemotingError):
    """The peer could not be reached: nothing was sent."""

    retriable = True

    def __init__(self, address: str, reason: str = "") -> None:
        super().__init__(f"connect to {address} failed" + (f": {reason}" if reason else ""))
        self.address = address


class RemotingSendRequestError(RemotingError):
    """The connection broke while a request was on its way."""

    retriable = True
    maybe_done = True

    def __init__(self, address: str, reason: str = "") -> None:
        super().__init__(f"send request to {address} failed" + (f": {reason}" if reason else ""))
        self.address = address


class RemotingTimeoutError(RemotingError):
    """No answer came in time: the request may have been served."""

    retriable = True
    maybe_done = True

    def __init__(self, address: str, timeout_millis: float) -> None:
        super().__init__(f"no answer from {address} within {timeout_millis:.0f} ms")
        self.address = address
        self.timeout_millis = timeout_millis


class RemotingTooMuchRequestError(RemotingError):
    """A local limit was reached before anything was sent."""


class RemotingCommandError(RemotingError):
    """A frame or a header is malformed."""


class LocalCommandError(RemotingCommandError):
    """We built a command that cannot be encoded."""


class RemoteCommandError(RemotingCommandError):
    """The peer's bytes cannot be decoded."""


class MQClientError(MiniMQError):
    """The client refuses or fails; `response_code`: a broker's, or a client code 100xx."""

    def __init__(self, message: str, response_code: int = -1) -> None:
        super().__init__(message)
        self.response_code = response_code


class ServiceStateError(MQClientError):
    """A call that the present ServiceState does not allow; the text says what to do instead."""


class TopicRouteNotFoundError(MQClientError):
    """No name server knows a route for the topic."""


class RequestTimeoutError(MQClientError):
    """A request was stored, but no reply came in time."""

    maybe_done = True


class MessageIllegalError(MQClientError):
    """A message, topic or group that a validator refuses."""


class MQBrokerError(MiniMQError):
    """A broker answered with an error code (`response_code`, see protocol.response_code)."""

    def __init__(self, response_code: int, remark: str | None, broker_addr: str = "") -> None:
        where = f" (broker {broker_addr})" if broker_addr else ""
        super().__init__(f"CODE: {response_code}  DESC: {remark or ''}{where}")
        self.response_code = response_code
        self.remark = remark
        self.broker_addr = broker_addr


class StoreError(MiniMQError):
    """A store file is damaged, locked or inconsistent; the text names the file."""


class AclError(MiniMQError):
    """A request is refused by the access rules, or a rule cannot be read."""


class ConfigError(MiniMQError):
    """A setting is unknown or its value cannot be read; the text names both."""


class TableFullError(MiniMQError):
    """A table has reached its bound; the text names both."""

    def __init__(self, table: str, bound: int) -> None:
        super().__init__(f"more than {bound} {table}: the bound of this server")


class ClusterError(MiniMQError):
    """A cluster call that cannot be carried out; the text says what is missing."""
