"""Views without a browser, on the clock of a fake cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from minimq.telemetry.event import Event
from tests.widgets.story import FakeCluster


@pytest.fixture
def view_of() -> Callable[..., Any]:
    """view_of(Class, events, seconds): the view as it is at that instant."""
    made: list[Any] = []

    def make(kind: type, events: list[Event], seconds: float, **options: Any) -> Any:
        cluster = FakeCluster().play(events, seconds)
        made.append(kind(cluster, **options))
        return made[-1]

    yield make
    for view in made:
        view.close()
