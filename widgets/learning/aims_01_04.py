"""What notebooks 01 and 04 are to reach, as folds over events."""

from __future__ import annotations

from minimq.telemetry.event import Event
from widgets.view.names import is_lesson_topic, listing

LATE_MICROS = 1_000_000
RECORDS_MAX = 4_096


class ThreeSilences:
    """Notebook 01: a broker died, a broker fell silent, and messages went on without any server."""

    def __init__(self) -> None:
        self.killed = self.silent = self.alone = False
        self._dead: dict[str, None] = {}
        self._frozen: dict[str, None] = {}
        self._servers: dict[str, None] = {}
        self._sent: dict[str, int] = {}

    def apply(self, event: Event) -> None:
        fields, node = event.fields, str(event.fields.get("node", ""))
        match event.name:
            case "node.ready":
                for table in (self._dead, self._frozen):
                    table.pop(node, None)
                if node.startswith("namesrv"):
                    self._servers[node] = None
            case "node.exited":
                self._servers.pop(node, None)
                self._frozen.pop(node, None)
            case "node.ending" if fields["signal"] == "SIGKILL":
                self._dead[node] = None
            case "node.paused":
                self._frozen[node] = None
            case "node.resumed":
                self._frozen.pop(node, None)
            case "namesrv.broker.removed":
                self.killed = self.killed or fields["broker_name"] in self._dead
                self.silent = self.silent or fields["broker_name"] in self._frozen
            case "producer.counted":
                self._counted(event.process, int(fields["sent"] or 0))

    def _counted(self, who: str, sent: int) -> None:
        """One that was sent just before the last server died may be told just after it."""
        if self._servers:
            self._sent[who] = sent
        elif who in self._sent:
            self.alone = self.alone or sent > self._sent[who] + 1

    @property
    def missing(self) -> str:
        parts = (
            (self.killed, "a killed broker that the name server has dropped"),
            (self.silent, "a frozen broker that the name server has dropped"),
            (self.alone, "messages that are stored while no name server runs"),
        )
        return listing([text for reached, text in parts if not reached])


class WrittenOnce:
    """Notebook 04: a message seen late, a start that lost nothing, a start that cut a torn end."""

    def __init__(self) -> None:
        self.late = self.whole = self.torn = False
        self._written: dict[tuple[str, int], int] = {}

    def apply(self, event: Event) -> None:
        fields = event.fields
        match event.name:
            case "store.message.appended" if is_lesson_topic(str(fields["topic"])):
                self._written[self._place(event)] = event.at_micros
                if len(self._written) > RECORDS_MAX:
                    del self._written[next(iter(self._written))]
            case "store.message.dispatched":
                since = self._written.pop(self._place(event), event.at_micros)
                self.late = self.late or event.at_micros - since > LATE_MICROS
            case "store.recovered" if not fields["clean"]:
                cut = int(fields["truncated_bytes"] or 0)
                self.whole = self.whole or (not cut and int(fields["records"] or 0) > 0)
                self.torn = self.torn or cut > 0

    def _place(self, event: Event) -> tuple[str, int]:
        return event.process, int(event.fields["commit_log_offset"] or 0)

    @property
    def missing(self) -> str:
        parts = (
            (self.late, "a message that consumers see a second after it was stored"),
            (self.whole, "a start after a kill that finds every record"),
            (self.torn, "a start that cuts a torn record off"),
        )
        return listing([text for reached, text in parts if not reached])
