"""Guard the life of a client: just made, running, failed, ended.

Java:    common.ServiceState
Posts:   RocketMQ消费者消费消息, switch (this.serviceState)
"""

from enum import Enum

from minimq.errors import ServiceStateError


class ServiceState(Enum):
    CREATE_JUST = 0
    RUNNING = 1
    SHUTDOWN_ALREADY = 2
    START_FAILED = 3


_ADVICE = {
    ServiceState.CREATE_JUST: "call start() first",
    ServiceState.RUNNING: "it is running already: start() is called once",
    ServiceState.SHUTDOWN_ALREADY: "it was shut down: make a new one",
    ServiceState.START_FAILED: "its start failed: make a new one",
}


def make_sure_state_ok(who: str, state: ServiceState) -> None:
    """ServiceStateError unless the client is running."""
    if state is not ServiceState.RUNNING:
        raise ServiceStateError(f"The {who} service state not OK, {state.name}: {_ADVICE[state]}")


def make_sure_can_start(who: str, state: ServiceState) -> None:
    """ServiceStateError unless it was never started."""
    if state is not ServiceState.CREATE_JUST:
        raise ServiceStateError(
            f"The {who} service state not OK, maybe started once, {state.name}: {_ADVICE[state]}"
        )
