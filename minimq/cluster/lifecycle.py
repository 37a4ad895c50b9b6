"""How nodes of a cluster come and go: who starts when, who serves, who is gone.

Nothing here waits: what hangs on something is asked again after every change.
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.cluster.channel import Message
from minimq.cluster.node import NodeState, Role, Step
from minimq.cluster.node_calls import NodeCalls
from minimq.cluster.port import Port, Reply, nobody
from minimq.cluster.roster import Options, Record, Roster
from minimq.errors import ClusterError
from minimq.telemetry import catalog

GENTLE_END_SECONDS = 3.0
"""What a lasting folder's brokers get to finish in."""
START_STEPS = 3
"""A process runs; it has its code; it serves."""


class Lifecycle:
    """The part of a director that keeps the nodes' states true."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.nodes = NodeCalls(port)
        self.roster = Roster()
        self.config: Options = {}
        self.pace = 1.0
        self.listening = self.frames = False
        self.topics: dict[str, int] = {}
        self.links: dict[tuple[str, str], str] = {}
        """(opener, listener) → direction as the opener sees it."""
        self._pending: list[Callable[[], bool]] = []
        """Each is asked after every change, until it says that it is done."""
        self._on_exit: dict[str, list[Callable[[], None]]] = {}
        self._opened_micros = 0
        self._was_ready = False

    # -- what nodes say ----------------------------------------------------------------------------

    def from_node(self, record: Record, message: Message) -> None:
        """A message of the node itself: loaded, ready, failed, or an answer."""
        if "id" in message:
            self.nodes.answered(record, message)
            return
        if "loaded" in message:
            record.loaded = True
            self.port.emit(catalog.NODE_STEP, record.name, "loaded", 2, START_STEPS)
        elif "ready" in message:
            self._serves(record, message["ready"])
        elif "failed" in message:
            record.error = message["failed"]
            self.port.emit(catalog.NODE_FAILED, record.name, record.error)
            self._tell(record)
        self._advance()

    def exited(self, record: Record, exit_code: int, signal: str = "") -> None:
        """The process is gone."""
        record.life.take(Step.EXIT)
        record.pid, record.exit_code = None, exit_code
        if exit_code and not signal and not record.error:
            record.error = f"ended by itself with exit code {exit_code}"
        self.port.emit(catalog.NODE_EXITED, record.name, exit_code, signal)
        self.nodes.died(record)
        self._tell(record)
        if record.removing:
            self._forget(record)
        for callback in self._on_exit.pop(record.name, []):
            callback()
        self._advance()

    def _serves(self, record: Record, address: str) -> None:
        record.address = address or record.address
        if record.life.refuses(Step.SERVES) is None:
            record.life.take(Step.SERVES)
        millis = (self.port.now_micros() - record.asked_micros) // 1_000
        role, pid = record.role.value, record.pid
        self.port.emit(catalog.NODE_READY, record.name, role, record.address, pid, millis)
        self._tell(record)
        self.nodes.ask_snapshot(record, nobody())

    # -- starting ----------------------------------------------------------------------------------

    def _open(self) -> None:
        self._opened_micros = self.port.now_micros()
        self._was_ready = False
        settings = self.config.get("settings", {})
        for _ in range(self.config["namesrvs"]):
            self._spawn(self.roster.add(Role.NAMESRV, {}))
        for number in range(self.config["brokers"]):
            master = self.roster.add(Role.BROKER, {"settings": settings, "number": number})
            self._spawn(master)
            for slave_id in range(1, self.config.get("replicas", 0) + 1):
                options = {"settings": settings, "number": number, "id": slave_id}
                self._spawn(self.roster.add(Role.BROKER, options | {"master": master.name}))
        self._tell_facts()

    def _spawn(self, record: Record) -> None:
        record.asked_micros = self.port.now_micros()
        if not record.address and record.role in (Role.NAMESRV, Role.BROKER):
            record.address = self.port.reserve_address(record.role)
        self.port.emit(catalog.NODE_STARTING, record.name, record.role.value)
        record.pid = self.port.spawn(record)
        self.port.emit(catalog.NODE_STEP, record.name, "process", 1, START_STEPS)
        self._tell(record)

    def _advance(self) -> None:
        """After every change: start what may start, answer what can be answered."""
        for record in list(self.roster.records.values()):
            if record.loaded and not record.start_sent and not self.roster.waits_for(record):
                record.start_sent = True
                self.port.post(record, {"op": "start", "args": self._start_args(record)})
        self._pending = [pending for pending in self._pending if not pending()]
        if not self._was_ready and self._all_serve():
            self._was_ready = True
            millis = (self.port.now_micros() - self._opened_micros) // 1_000
            self.port.emit(catalog.CLUSTER_READY, millis)

    def _all_serve(self) -> bool:
        records = self.roster.records.values()
        return bool(records) and all(record.state is not NodeState.STARTING for record in records)

    def _start_args(self, record: Record) -> Options:
        links = [
            [self.roster.records[listener].address, direction]
            for (opener, listener), direction in self.links.items()
            if opener == record.name and listener in self.roster.records
        ]
        return {
            **record.options,
            "name": record.name,
            "listen": record.address,
            "namesrv_addr": self.roster.name_server_addresses(),
            "credentials": self.config.get("credentials"),
            "pace": self.pace,
            "listening": self.listening,
            "frames": self.frames,
            "links": links,
        }

    # -- ending ------------------------------------------------------------------------------------

    def _kill(self, record: Record, then: Callable[[], None], signal: str = "KILL") -> None:
        self._on_exit.setdefault(record.name, []).append(then)
        told = "SIGKILL" if signal == "KILL" else signal
        self.port.emit(catalog.NODE_ENDING, record.name, told)
        self.port.signal(record, signal)

    def _terminate(self, record: Record) -> None:
        self._move(record, Step.END)
        self.port.emit(catalog.NODE_ENDING, record.name, "SIGTERM")
        self.port.signal(record, "TERM")

    def _restart(self, record: Record, reply: Reply) -> None:
        if record.name not in self.roster.records:
            reply.error(f"{record.name} was removed")
            return
        record.life.take(Step.RESTART)
        record.begin_again()
        self._spawn(record)
        reply.ok()

    def _forget(self, record: Record) -> None:
        if self.roster.records.pop(record.name, None) is not None:
            self.links = {pair: d for pair, d in self.links.items() if record.name not in pair}
            self.port.emit(catalog.NODE_REMOVED, record.name)
            self.port.tell({"gone": record.name})

    def _end_all(self, then: Callable[[], None], gently: bool = False) -> None:
        living = [record for record in self.roster.records.values() if record.life.alive]
        left = len(living)

        def one_less() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                then()

        for record in living:
            if gently and record.state is NodeState.RUNNING:
                self._on_exit.setdefault(record.name, []).append(one_less)
                self._terminate(record)
            else:
                self._kill(record, one_less)
        if not living:
            then()
        elif gently:
            self.port.call_later(GENTLE_END_SECONDS, lambda: self._kill_all(living))

    def _kill_all(self, records: list[Record]) -> None:
        for record in records:
            if record.life.alive:
                self.port.signal(record, "KILL")

    def _open_again(self, reply: Reply) -> None:
        for name in self.roster.records:
            self.port.tell({"gone": name})
        self.roster = Roster()
        self.topics.clear()
        self.links.clear()
        self._pending.clear()
        self.port.remove_files()
        self.port.emit(catalog.CLUSTER_RESET)
        self._open()
        self._pending.append(lambda: self._answer_when_ready(reply))

    def _answer_when_ready(self, reply: Reply) -> bool:
        if self._all_serve():
            reply.ok()
        return self._all_serve()

    # -- small things ------------------------------------------------------------------------------

    def _check(self, record: Record, step: Step) -> None:
        refusal = record.life.refuses(step)
        if refusal is not None:
            raise ClusterError(f"{record.name} {refusal}" + because(record.error))

    def _move(self, record: Record, step: Step) -> None:
        if step is Step.END and record.state is NodeState.FROZEN:
            return  # the signal waits with the process
        self._check(record, step)
        record.life.take(step)
        self._tell(record)

    def _tell(self, record: Record) -> None:
        self.port.tell({"node": record.info()._asdict()})

    def _tell_facts(self) -> None:
        links = [[one, other, direction] for (one, other), direction in self.links.items()]
        facts = {"pace": self.pace, "topics": dict(self.topics), "links": links}
        self.port.tell({"facts": facts})


def because(error: str) -> str:
    return f": {error}" if error else ""
