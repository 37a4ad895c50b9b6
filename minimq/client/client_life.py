"""What producers and consumers of the async face share: `async with`, and an instance to ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from minimq.client.mq_client_instance import MQClientInstance


class ClientLife(ABC):
    @property
    @abstractmethod
    def instance(self) -> MQClientInstance:
        """ServiceStateError unless the client runs."""

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def shutdown(self) -> None:
        """Nothing, unless the client runs."""

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.shutdown()  # it may run already, with a subscription that a broker refuses
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.shutdown()

    @property
    def client_id(self) -> str:
        return self.instance.client_id
