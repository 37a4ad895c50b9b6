"""The C++ client behind JSON lines: run by cpp_client.py in a process of its own.

It uses the callbacks of the C library itself: the package's own `subscribe` acknowledges a
message whose callback raises (its ctypes callback then returns 0, which is CONSUME_SUCCESS).
"""

from __future__ import annotations

import ctypes
import json
import sys
import threading
import time
from typing import Any

from rocketmq.client import (
    Message,
    Producer,
    PullConsumer,
    PushConsumer,
    RecvMessage,
    SendStatus,
    _to_bytes,
)
from rocketmq.exceptions import ffi_check
from rocketmq.ffi import MessageModel, _CConsumeStatus, dll

Json = dict[str, Any]
PROPERTIES = ("UNIQ_KEY", "RETRY_TOPIC", "ORIGIN_MESSAGE_ID", "DELAY", "REAL_TOPIC", "CLUSTER")
ASYNC_TIMEOUT_SECONDS = 10.0
output = threading.Lock()


def emit(line: Json) -> None:
    with output:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def described(message: RecvMessage, wanted: list[str]) -> Json:
    names = [*PROPERTIES, *wanted]
    found = {name: text(message.get_property(name)) for name in names}
    return {
        "topic": message.topic,
        "queueId": message.queue_id,
        "queueOffset": message.queue_offset,
        "commitLogOffset": message.commit_log_offset,
        "msgId": message.id,
        "body": text(message.body),
        "tags": text(message.tags),
        "keys": text(message.keys),
        "reconsumeTimes": message.reconsume_times,
        "storeSize": message.store_size,
        "bornTimestamp": message.born_timestamp,
        "storeTimestamp": message.store_timestamp,
        "properties": {name: value for name, value in found.items() if value is not None},
    }


def sent(result: Any) -> Json:
    return {"status": SendStatus(result.status).name, "msgId": result.msg_id,
            "queueOffset": result.offset}  # fmt: skip


def built(given: Json) -> list[Message]:
    """Lists of tags and keys are dealt out round robin."""
    messages = []
    for i, body in enumerate(given["bodies"]):
        message = Message(given["topic"])
        message.set_body(body)
        if tags := given.get("tags"):
            message.set_tags(tags[i % len(tags)])
        if keys := given.get("keys"):
            message.set_keys(keys[i % len(keys)])
        for name, value in given.get("properties", {}).items():
            message.set_property(name, value)
        if level := given.get("delayLevel"):
            message.set_delay_time_level(level)
        messages.append(message)
    return messages


class ProducerRole:
    def __init__(self, given: Json) -> None:
        self.producer = Producer(given["group"], timeout=given.get("timeoutMillis"))
        configure(self.producer, given)
        self.producer.start()

    def send(self, given: Json) -> list[Json]:
        messages, mode = built(given), given["mode"]
        if mode == "batch":
            return [sent(self.producer.send_batch(messages))]
        return [self.attempt(mode, message, i, given) for i, message in enumerate(messages)]

    def attempt(self, mode: str, message: Message, i: int, given: Json) -> Json:
        try:
            return getattr(self, f"send_{mode}")(message, given.get("queue", i))
        except Exception as error:  # a row like any other: the test judges it
            return {"error": type(error).__name__, "message": str(error)}

    def send_sync(self, message: Message, _: int) -> Json:
        return sent(self.producer.send_sync(message))

    def send_oneway(self, message: Message, _: int) -> Json:
        self.producer.send_oneway(message)
        return {"status": "ONEWAY"}

    def send_selector(self, message: Message, queue: int) -> Json:
        return sent(self.producer.send_orderly(message, queue))

    def send_async(self, message: Message, _: int) -> Json:
        rows: list[Json] = []
        done = threading.Event()

        def succeeded(result: Any) -> None:
            rows.append(sent(result))
            done.set()

        def failed(error: Exception) -> None:
            rows.append({"error": type(error).__name__, "message": str(error)})
            done.set()

        self.producer.send_async(message, succeeded, failed)
        if not done.wait(ASYNC_TIMEOUT_SECONDS):
            return {"error": "Timeout", "message": "no callback"}
        return rows[0]

    def shutdown(self, _: Json) -> None:
        self.producer.shutdown()


class PushRole:
    def __init__(self, given: Json) -> None:
        self.given = given
        model = MessageModel.BROADCASTING if given["broadcast"] else MessageModel.CLUSTERING
        self.consumer = PushConsumer(given["group"], given["orderly"], model)
        configure(self.consumer, given)
        if "threads" in given:
            self.consumer.set_thread_count(given["threads"])
        # Without an instance name of its own it is called DEFAULT, one per process.
        self.consumer.set_instance_name(given["name"])
        for topic, expression in given["subscriptions"].items():
            ffi_check(dll.Subscribe(self.consumer._handle, _to_bytes(topic), _to_bytes(expression)))
        self.consumer._register_callback(self.consume)
        self.consumer.start()

    def consume(self, _: Any, handle: Any) -> int:
        message = RecvMessage(handle)
        fails = message.reconsume_times < self.given["failFirst"]
        row = described(message, self.given.get("properties", []))
        now = time.time_ns() // 1_000_000
        name = self.given["name"]
        emit({"event": "message", "name": name, "at": now, "ok": not fails, "message": row})
        status = _CConsumeStatus.RECONSUME_LATER if fails else _CConsumeStatus.CONSUME_SUCCESS
        return int(status.value)

    def shutdown(self, _: Json) -> None:
        self.consumer.shutdown()


class PullRole:
    def __init__(self, given: Json) -> None:
        self.consumer = PullConsumer(given["group"])
        configure(self.consumer, given)
        self.consumer.start()

    def pull(self, given: Json) -> list[Json]:
        """All there is from where the last call ended, queue by queue."""
        found = self.consumer.pull(given["topic"], given["expression"], given["max"])
        return [described(message, []) for message in found]

    def shutdown(self, _: Json) -> None:
        self.consumer.shutdown()


def configure(client: Any, given: Json) -> None:
    client.set_namesrv_addr(given["namesrv"])
    if "accessKey" in given:
        client.set_session_credentials(given["accessKey"], given["secretKey"], "ALIYUN")


ROLES = {"producer": ProducerRole, "push": PushRole, "pull": PullRole}


def run(roles: dict[str, Any], command: Json) -> Any:
    name, op = command["name"], command["op"]
    if op == "start":
        roles[name] = ROLES[command["kind"]](command)
        return name
    return getattr(roles[name], op)(command)


def main() -> None:
    roles: dict[str, Any] = {}
    for line in sys.stdin:
        command = json.loads(line)
        answer: Json = {"id": command["id"]}
        try:
            answer["result"] = run(roles, command)
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        emit(answer)


if __name__ == "__main__":
    main()
    # Not through the destructors of the package: they shut everything down a second time.
    ctypes.CDLL(None)._exit(0)
