"""One asyncio task per kernel that drains events into models and paints what changed.

Views never wait and never read the cluster themselves. The task ends by itself when no view of a
living cluster is on screen; without a running loop (a script, a test) call `tick()` by hand.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from minimq.telemetry.event import Event
from widgets.echo import Echo

PLOT_HZ = 15.0
SVG_HZ = 5.0
TEXT_HZ = 2.0
CALM_HZ = 2.0
"""While nothing happens, and under reduced motion."""
BUSY_MICROS = 1_000_000
"""A model counts as changing this long after its last event."""
VIEWS_MAX = 64
IDLE_TICKS_MAX = 150
"""The task ends after this many rounds (30 s) in which no view was on screen."""


class Model(Protocol):
    """A fold over events; it must stay bounded whatever comes.

    `parts`, if it has them, name attributes that are folds (view.fold) of its own: models of one
    topic share those of one name, so that what several views look at is folded once.
    """

    def apply(self, event: Event) -> None: ...


class Hub:
    """What the ticker knows of one cluster: shared models, and when something last happened."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = weakref.ref(cluster)
        self.busy_micros = 0
        self._models: dict[Hashable, Model] = {}
        self._position = 0
        self._listens = self._frames = False
        self.listen(True)

    @property
    def cluster(self) -> Any:
        """The views keep it alive, the hub does not."""
        return self._cluster()

    def listen(self, on: bool) -> None:
        """Ask the cluster for detail events while somebody looks."""
        listening = getattr(self.cluster, "listening", None)
        if listening is not None and on != self._listens:
            self._listens = on
            listening(on, frames=self._frames)

    def want_frames(self) -> None:
        """Ask for the events of single frames as well from now on."""
        if not self._frames:
            self.listen(False)
            self._frames = True
            self.listen(True)

    def model(self, key: Hashable, make: Callable[[], Model]) -> Any:
        """The shared model of this key; a new one reads the events from the start."""
        model = self._models.get(key)
        if model is None:
            self.drain()
            model = make()
            past, position = self.cluster.events.since(0)
            for event in sorted(past[: len(past) - (position - self._position)]):
                model.apply(event)
            self._share(key, model)
        return model

    def _share(self, key: Hashable, model: Model) -> None:
        """It is where the others are now, so its parts are what theirs of the same name are."""
        self._models[key] = model
        for name in getattr(model, "parts", ()):
            part_key = (name, *key[1:]) if isinstance(key, tuple) else name
            if part_key in self._models:
                setattr(model, name, self._models[part_key])
            else:
                self._share(part_key, getattr(model, name))

    def drain(self) -> int:
        """Let every model read what is new; returns the number of new events.

        The order of tuples is the total order; an event that comes too late is read after its time.
        """
        fresh, self._position = self.cluster.events.since(self._position)
        models = list(self._models.values())
        for event in sorted(fresh):
            for model in models:
                model.apply(event)
        if fresh:
            self.busy_micros = self.cluster.now_micros()
        return len(fresh)

    @property
    def busy(self) -> bool:
        return bool(self.cluster.now_micros() - self.busy_micros < BUSY_MICROS)


class Paintable(Protocol):
    hub: Hub
    visible: bool

    def due(self, now_seconds: float) -> bool: ...
    def paint(self) -> None: ...
    def show_error(self, error: BaseException) -> None: ...


class Ticker:
    """The rounds: drain every hub, then paint the views that are due."""

    def __init__(self, now_seconds: Callable[[], float] = time.monotonic) -> None:
        self._now_seconds = now_seconds
        self._hubs: weakref.WeakKeyDictionary[Any, Hub] = weakref.WeakKeyDictionary()
        self._views: list[Any] = []
        self._task: asyncio.Task[None] | None = None
        self._idle_ticks = 0
        self.echo = Echo()
        self.ticks = 0
        self.last_error: BaseException | None = None

    def hub(self, cluster: Any) -> Hub:
        hub = self._hubs.get(cluster)
        if hub is None:
            hub = self._hubs[cluster] = Hub(cluster)
        return hub

    def watch(self, view: Any) -> None:
        """Paint this view from now on. The oldest views that are off screen make room."""
        self._views.append(view)
        surplus = len(self._views) - VIEWS_MAX
        for old in [v for v in self._views[:-1] if not v.visible][: max(0, surplus)]:
            self._views.remove(old)
        self.wake()

    def beside(self, view: Any) -> list[Any]:
        """The views of the same cluster, itself among them."""
        return [one for one in self._views if one.hub is view.hub]

    def forget(self, view: Any) -> None:
        if view in self._views:
            self._views.remove(view)

    def wake(self) -> None:
        """Start the task if a loop runs here and it is not running yet."""
        self._idle_ticks = 0
        if self.running:
            return
        for view in self._views:
            view.hub.listen(True)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._task = loop.create_task(self._run())
        self._task.add_done_callback(self._ended)

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def tick(self) -> int:
        """One round; returns how many views were painted."""
        self.ticks += 1
        now = self._now_seconds()
        due = [view for view in self._views if view.visible and view.due(now)]
        for hub in {id(view.hub): view.hub for view in due}.values():
            self._guarded(due, hub)
        for view in due:
            try:
                view.paint()
            except Exception as error:
                self.last_error = error
                view.show_error(error)
        self._idle_ticks = 0 if any(view.visible for view in self._views) else self._idle_ticks + 1
        return len(due)

    def _guarded(self, views: list[Any], hub: Hub) -> None:
        try:
            hub.drain()
        except Exception as error:
            self.last_error = error
            for view in views:
                if view.hub is hub:
                    view.show_error(error)

    async def _run(self) -> None:
        while self._views and self._idle_ticks < IDLE_TICKS_MAX:
            started = self._now_seconds()
            self.tick()
            spent = self._now_seconds() - started
            visible = any(view.visible for view in self._views)
            await asyncio.sleep(max(0.01, (1 / PLOT_HZ if visible else 0.2) - spent))
        for hub in list(self._hubs.values()):
            hub.listen(False)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        assert error is not None
        self.last_error = error
        for view in self._views:
            view.show_error(error)


TICKER = Ticker()
"""The one of this kernel."""
