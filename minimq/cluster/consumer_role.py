"""A push consumer as a node of a cluster, with the learner's listener or one that just counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMessageQueueAveragely,
    AllocateMessageQueueAveragelyByCircle,
    AllocateMessageQueueConsistentHash,
    AllocateMessageQueueStrategy,
    FunctionStrategy,
)
from minimq.client.consumer.listener import ConsumeConcurrentlyStatus, ConsumeOrderlyStatus
from minimq.client.consumer.mq_push_consumer import DefaultMQPushConsumer
from minimq.cluster.access import credentials_of, hook_for
from minimq.cluster.listener import DILL, load
from minimq.common.host import Host
from minimq.errors import ClusterError
from minimq.protocol.consumer_enums import ConsumeFromWhere, MessageModel

NAMED_SETTINGS: dict[str, type[MessageModel] | type[ConsumeFromWhere]] = {
    "message_model": MessageModel,
    "consume_from_where": ConsumeFromWhere,
}
"""Settings travel as JSON: these by RocketMQ's names, or as their numbers."""
STRATEGIES: dict[str, Callable[[], AllocateMessageQueueStrategy]] = {
    strategy.name: strategy
    for strategy in (
        AllocateMessageQueueAveragely,
        AllocateMessageQueueAveragelyByCircle,
        AllocateMessageQueueConsistentHash,
    )
}


def acknowledge(messages: Any, context: Any) -> ConsumeConcurrentlyStatus:
    """The listener of a consumer that was given none."""
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


def acknowledge_in_order(messages: Any, context: Any) -> ConsumeOrderlyStatus:
    """The same for an orderly one."""
    return ConsumeOrderlyStatus.SUCCESS


def read_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Names such as BROADCASTING become what they name."""
    settings = dict(given)
    for name, kind in NAMED_SETTINGS.items():
        value = settings.get(name)
        if isinstance(value, str) and value not in kind.__members__:
            raise ClusterError(f"{name} is one of {', '.join(kind.__members__)}, not {value!r}")
        if value is not None:
            settings[name] = kind[value] if isinstance(value, str) else kind(value)
    return settings


def strategy_of(text: str) -> AllocateMessageQueueStrategy:
    """By RocketMQ's name, or a function of the learner's."""
    if text.startswith(DILL):
        return FunctionStrategy(load(text.removeprefix(DILL)))
    if text not in STRATEGIES:
        raise ClusterError(f"unknown strategy {text!r}; there are: {', '.join(STRATEGIES)}")
    return STRATEGIES[text]()


class ConsumerRunner:
    def __init__(
        self, host: Host, options: dict[str, Any], listener: Callable[..., Any] | None
    ) -> None:
        self.name: str = options["name"]
        self.topic: str = options["topic"]
        self.consumer = DefaultMQPushConsumer(
            options["group"],
            host=host,
            namesrv_addr=options["namesrv_addr"],
            instance_name=self.name,
            rpc_hook=hook_for(credentials_of(options)),
            work_millis=options["work_millis"],
            allocate_message_queue_strategy=strategy_of(options.get("strategy") or "AVG"),
            **read_settings(options["client"]),
        )
        self.consumer.subscribe(self.topic, options["expression"])
        orderly = bool(options.get("orderly"))
        chosen = listener or (acknowledge_in_order if orderly else acknowledge)
        self.consumer.register_message_listener(chosen, orderly=orderly)

    async def start(self) -> str:
        await self.consumer.start()
        return ""

    async def shutdown(self) -> None:
        await self.consumer.shutdown()

    def snapshot(self) -> dict[str, Any]:
        return {"role": "consumer", "topic": self.topic, **self.consumer.snapshot()}

    async def perform(self, op: str, args: dict[str, Any]) -> Any:
        if op == "set_work_millis":
            self.consumer.work_millis = float(args["work_millis"])
        elif op == "set_knob":
            self._set_knob(args["name"], args["value"])
        else:
            raise ClusterError(f"{op} means nothing to a consumer")

    def _set_knob(self, name: str, value: Any) -> None:
        if not hasattr(self.consumer, name):
            raise ClusterError(f"a consumer has no setting {name!r}")
        setattr(self.consumer, name, value)
