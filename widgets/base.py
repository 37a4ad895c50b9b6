"""What all views share: the traits of the common frame, the six states, and when to paint.

The browser half is static/frame.js. `frame` carries floats, `picture` the marks (5 times a second
at most), `words` the sentence and the table (2 times a second at most).
"""

from __future__ import annotations

import importlib
import inspect
import json
import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import anywidget
import traitlets

from widgets import assets
from widgets.ticker import CALM_HZ, SVG_HZ, TEXT_HZ, TICKER, Hub
from widgets.view.names import run_of
from widgets.view.numbers import clock, duration, many
from widgets.view.parts import Block, Parts, block, plain_text
from widgets.view.person import Person
from widgets.view.roster import RosterModel
from widgets.view.sentences import say

SOURCE_LINES_MAX = 120
BEAT_SECONDS = 1.5
"""Of each view on screen, painted or not: 4 s without one look like a kernel that is gone."""
PAGE_TRAITS = ("visible", "width", "reduced", "paused", "slow")
"""What the page tells of itself."""


def _to_text(value: Any, _widget: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _from_text(text: str, _widget: Any) -> Any:
    return json.loads(text)


AS_TEXT: dict[str, Any] = {"to_json": _to_text, "from_json": _from_text}
"""Tags of a large trait: it travels as text, so that ipywidgets need not search it for buffers.
The page reads it with `told` of static/marks.js."""


class Words(dict[str, Any]):
    """The sentence of an instant with its table twin."""

    def __init__(self, say: Parts, table: Block, at: str = "", code: str = "") -> None:
        super().__init__(say=say, plain=plain_text(say), table=table, at=at, code=code)


class View(anywidget.AnyWidget):
    """Base of the views of one cluster. Subclasses give `words()`, and `picture()`, `arrays()`."""

    _css = assets.css()
    hz: ClassVar[float] = SVG_HZ
    question: ClassVar[str] = ""
    source_of: ClassVar[str] = ""
    """module:name whose source stands beside the picture."""
    java: ClassVar[str] = ""
    frames: ClassVar[bool] = False
    """Needs the events of single frames, half of all details."""

    title = traitlets.Unicode().tag(sync=True)
    timers = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    picture = traitlets.Dict().tag(sync=True, **AS_TEXT)
    source = traitlets.Unicode().tag(sync=True)
    beat = traitlets.Int().tag(sync=True)
    beats = traitlets.Bool(False).tag(sync=True)
    visible = traitlets.Bool(False).tag(sync=True)
    reduced = traitlets.Bool(False).tag(sync=True)
    paused = traitlets.Bool(False).tag(sync=True)
    slow = traitlets.Bool(False).tag(sync=True)
    width = traitlets.Int(828).tag(sync=True)
    run = traitlets.Unicode().tag(sync=True)
    """Whose instants it shows: a log of another cluster does not light them."""

    def __init__(self, cluster: Any, **traits: Any) -> None:
        super().__init__(title=self.question, run=run_of(cluster), **traits)
        self.cluster = cluster
        self.hub: Hub = TICKER.hub(cluster)
        if self.frames:
            self.hub.want_frames()
        self.roster: RosterModel = self.hub.model("roster", RosterModel)
        self._painted_seconds = 0.0
        self._picture_seconds = self._words_seconds = self._beat_seconds = -1e9
        self._stands: tuple[int, int] | None = None
        self.on_msg(self._message)
        self.observe(self._shown, ["visible", "width", "reduced"])
        self.observe(self._pause_changed, "paused")
        self.start()
        self.refresh()
        TICKER.watch(self)

    # -- what a view is -----------------------------------------------------------------------
    def start(self) -> None:
        """Get the models from the hub."""

    @abstractmethod
    def say_now(self, now_micros: int) -> Words:
        """The sentence of this instant, with its table."""

    def draw(self, now_micros: int) -> dict[str, Any]:
        """The picture's JSON half."""
        return {}

    def send_frame(self, now_micros: int) -> None:
        """The picture's binary half, for plots."""

    def empty(self) -> dict[str, Any] | None:
        """The empty state, while there is nothing to draw."""
        return None

    def handle(self, message: Mapping[str, Any]) -> None:
        """A click in the picture."""

    def show_instant(self, at_micros: int) -> None:
        """A line of a log beside this view was clicked."""

    def calm(self) -> bool:
        """Things happen, but nothing that this picture must show at once: 5 Hz are enough."""
        return False

    # -- painting -----------------------------------------------------------------------------
    def due(self, now_seconds: float) -> bool:
        if TICKER.echo.behind(now_seconds):
            self._send_beat(now_seconds)
            return False
        hz = self.hz
        if self.reduced or not self.hub.busy:
            hz = min(hz, CALM_HZ)
        elif self.slow or self.calm():
            hz = min(hz, SVG_HZ)
        if now_seconds - self._painted_seconds < 0.9 / hz:
            return False
        self._painted_seconds = now_seconds
        return True

    def refresh(self) -> None:
        """Read all events and paint everything at once, on screen or not."""
        self.hub.drain()
        self._picture_seconds = self._words_seconds = -1e9
        self.paint()

    def paint(self) -> None:
        seconds = time.monotonic()
        now = self.now_micros
        with self.hold_sync():
            self._paint_state(now)
            if not self.paused:
                self._paint_picture(now, seconds)
            if self.visible:
                self._send_beat(seconds)

    def _send_beat(self, seconds: float) -> None:
        if seconds - self._beat_seconds > BEAT_SECONDS:
            self._beat_seconds = seconds
            self.beats, self.beat = True, TICKER.echo.beat(seconds)

    def _paint_picture(self, now: int, seconds: float) -> None:
        if seconds - self._words_seconds > 0.9 / TEXT_HZ:
            self._words_seconds = seconds
            self.words = self.say_now(now)
        if seconds - self._picture_seconds > 0.9 / SVG_HZ:
            self._picture_seconds = seconds
            self.picture = self.draw(now)
        self.send_frame(now)

    @property
    def now_micros(self) -> int:
        """Now on the cluster's clock; a closed cluster stands at its last instant."""
        return int(self.cluster.now_micros())

    def since_start(self, at_micros: float) -> float:
        """Seconds since the cluster started."""
        return float(at_micros - self.cluster.started_micros) / 1e6

    def clock(self, at_micros: float) -> str:
        return clock(at_micros - self.cluster.started_micros)

    @property
    def last_line(self) -> str:
        return self.roster.actions[-1].line if self.roster.actions else ""

    @property
    def sentence(self) -> str:
        """The sentence under the picture, as plain text."""
        return str(self.words.get("plain", ""))

    # -- states -------------------------------------------------------------------------------
    def _paint_state(self, now: int) -> None:
        self.timers = f"timers ×{self.roster.pace:g}"
        self.state = self.state_now(now)

    def state_now(self, now: int) -> dict[str, Any]:
        """Which of the six states this view is in, with its badge, words and buttons."""
        life = self._life()
        if self.roster.start_error:
            return _start_failed(*self.roster.start_error)
        if life == "starting":
            return _starting(self.roster, self.cluster.started_micros, now)
        if self.paused:
            return self._paused_state(now)
        if life == "recorded":
            end = clock(self.cluster.end_micros - self.cluster.started_micros)
            at = self.clock(now)
            text = [*say("replay", at=at, end=end), " ", *self.words.get("say", [])]
            return {"kind": "replay", "badge": f"TAPE {at}", "say": text}
        if life in ("closed", "failed"):
            text = say("closed", at=self.clock(now))
            return {"kind": "closed", "badge": "STOPPED", "say": text}
        badge = "SIMULATED" if getattr(self.cluster, "simulated", False) else "LIVE"
        return {"badge": badge, "kind": "live", **(self.empty() or {})}

    def _life(self) -> str:
        """starting, live, recorded or closed."""
        state = self.cluster.state
        if not isinstance(state, dict):
            return str(state)
        if state.get("closed"):
            return "closed"
        waits = self.roster.ready_micros is None and not state.get("ready")
        return "starting" if waits else "live"

    def _events_so_far(self) -> int:
        events = self.cluster.events
        return int(getattr(events, "position", len(events)))

    def _paused_state(self, now: int) -> dict[str, Any]:
        at, seen = self._stands or (now, self._events_so_far())
        later = many(self._events_so_far() - seen, "event")
        text = say("paused", at=self.clock(at), now=self.clock(now), events=later)
        buttons = [{"t": "Go on", "act": {"do": "go_on"}, "main": True}]
        return {"kind": "paused", "badge": "VIEW PAUSED", "say": text, "buttons": buttons}

    def show_error(self, error: BaseException) -> None:
        """Tell in the widget that painting failed; the ticker goes on with the others."""
        lines = [f"{type(error).__name__}: {error}"[:300], "The picture shows the last good state."]
        buttons = [{"t": "Try again", "act": {"do": "refresh"}, "main": True}]
        text = say("error")
        self.state = {
            "kind": "error", "badge": "STOPPED", "error": lines, "say": text, "buttons": buttons,
        }  # fmt: skip

    # -- messages from the browser --------------------------------------------------------------
    def _message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        TICKER.wake()
        match content.get("do"):
            case "seen":
                TICKER.echo.answered(int(content["beat"]))
            case "trait" if content.get("trait") in PAGE_TRAITS:
                if content["trait"] == "visible":
                    TICKER.echo.page_opened()
                self.set_trait(content["trait"], content["value"])
            case "source":
                self.source = source_text(self.source_of, self.java)
            case "state":
                self.send_state()
            case "alive":
                getattr(self.cluster, "heartbeat", _nothing)()
            case "go_on":
                self.paused = False
            case "refresh":
                self.refresh()
            case "instant":
                for view in TICKER.beside(self):
                    view.show_instant(int(content["at"]))
            case "add_consumer":
                submit(self.cluster, "add_consumer", content["topic"])
            case _:
                self.handle(content)

    def _shown(self, change: Any) -> None:
        TICKER.wake()
        if change["new"]:
            self._guarded_refresh()

    def _pause_changed(self, change: Any) -> None:
        self._stands = (self.now_micros, self._events_so_far()) if change["new"] else None
        self._guarded_refresh()

    def _guarded_refresh(self) -> None:
        try:
            self.refresh()
        except Exception as error:
            self.show_error(error)

    def close(self) -> None:
        TICKER.forget(self)
        super().close()

    def _repr_text_(self) -> str:
        return f"{self.title}\n{self.sentence}"


def _nothing() -> None:
    """For clusters that need no heartbeat."""


def submit(cluster: Any, verb: str, *args: Any, **options: Any) -> Any:
    """Run a verb of the cluster without waiting for it."""
    given = getattr(cluster, "submit", None)
    if given is not None:
        return given(verb, *args, **options)
    from widgets.calls import run_aside

    return run_aside(getattr(cluster, verb), *args, **options)


def source_text(source_of: str, java: str) -> str:
    """The source of module:name with its Java name above."""
    module_name, _, name = source_of.partition(":")
    try:
        thing: Any = importlib.import_module(module_name)
        for piece in filter(None, name.split(".")):
            thing = getattr(thing, piece)
        lines = inspect.getsource(thing).splitlines()[:SOURCE_LINES_MAX]
    except (ImportError, AttributeError, OSError, TypeError):
        return f"{source_of} is not part of this installation."
    head = [f"# {module_name.replace('.', '/')}.py", f"# Java: {java}" if java else ""]
    return "\n".join([*filter(None, head), "", *lines])


def _starting(roster: RosterModel, started_micros: int, now: int) -> dict[str, Any]:
    people = [p for p in roster.people.values() if not p.removed]
    rows = [_step_row(person, started_micros) for person in people]
    done = sum(person.really != "starting" for person in people)
    seconds = duration(now - started_micros)
    text = say("starting", done=done, all=len(people), seconds=seconds)
    return {"kind": "starting", "badge": "STARTING", "steps": rows, "say": text}


def _step_row(person: Person, started_micros: int) -> list[Any]:
    if person.really != "starting":
        return ["✓ " + person.who, "", [["dim", duration(person.since_micros - started_micros)]]]
    if person.step_number:
        share = person.step_number / max(1, person.step_of)
        return [[["b", person.who]], [["fill", share], person.step], "now"]
    return [[["dim", person.who]], "", [["dim", "waits"]]]


def _start_failed(node: str, error: str) -> dict[str, Any]:
    text = say("start_failed", node=node)
    buttons = [{"t": "Reset and start", "act": {"do": "verb", "verb": "reset"}, "main": True}]
    return {
        "kind": "error", "badge": "STOPPED", "error": [error[:300], f"{node} did not start."],
        "say": text, "buttons": buttons,
    }  # fmt: skip


def people_table(roster: RosterModel) -> Block:
    rows = [[p.who, p.really, str(p.pid or "")] for p in roster.people.values()]
    return block(cols=["process", "is", "pid"], rows=rows)
