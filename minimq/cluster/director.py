"""What a cluster does when it is asked: start, signal, wire and question its nodes.

The same class directs real processes (`supervisor`) and simulated ones (`sim_cluster`); the port
tells them apart. Nothing here waits: a call gets its reply when it is due.

Differs: RocketMQ is started by hand, process by process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from minimq.cluster.channel import Message
from minimq.cluster.node import NodeState, Role, Step
from minimq.cluster.roster import Options, Record, Roster, opener_of
from minimq.errors import ClusterError, MiniMQError
from minimq.telemetry import catalog
from minimq.telemetry.event import EventType

SNAPSHOT_PATIENCE_SECONDS = 0.045
"""A snapshot never blocks longer than 50 ms; then the last known one is given."""
SNAPSHOT_REFRESH_SECONDS = 1.0
"""How often the last known snapshots are renewed while somebody looks."""
GENTLE_END_SECONDS = 3.0
"""What a lasting folder's brokers get to finish in."""
START_STEPS = 3
"""A process runs; it has its code; it serves."""
NODE_OPS = ("set_rate", "set_work_millis", "set_knob", "send")


class Port(Protocol):
    """How a director reaches its nodes: processes and sockets, or objects in virtual time."""

    @property
    def simulated(self) -> bool: ...

    def reserve_address(self, role: Role) -> str:
        """An address that stays with a node over restarts; port 0: the node takes a free one."""

    def spawn(self, record: Record) -> int:
        """Start the process, return its pid; later `from_node` and `exited` are called."""

    def post(self, record: Record, message: Message) -> None: ...

    def signal(self, record: Record, name: str) -> None:
        """KILL, TERM, STOP or CONT; in a simulation also "power cut"."""

    def remove_files(self) -> None: ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None: ...

    def emit(self, event_type: EventType, *values: Any) -> None: ...

    def tell(self, notice: Message) -> None:
        """Let the learner's side know: {"node": …}, {"gone": name} or {"facts": …}."""

    def now_micros(self) -> int: ...


class Reply:
    """The answer to one call; the first of `ok` and `error` counts."""

    def __init__(self, answer: Callable[[Any, str | None], None]) -> None:
        self._answer: Callable[[Any, str | None], None] | None = answer

    def ok(self, value: Any = None) -> None:
        self._give(value, None)

    def error(self, text: str) -> None:
        self._give(None, text)

    def _give(self, value: Any, error: str | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer(value, error)


class Director:
    def __init__(self, port: Port) -> None:
        self.port = port
        self.roster = Roster()
        self.config: Options = {}
        self.pace = 1.0
        self.listening = False
        self.topics: dict[str, int] = {}
        self.links: dict[tuple[str, str], str] = {}
        """(opener, listener) → direction as the opener sees it."""
        self._pending: list[Callable[[], bool]] = []
        self._on_exit: dict[str, list[Callable[[], None]]] = {}
        self._calls: dict[int, tuple[str, Reply]] = {}
        self._next_id = 0
        self._opened_micros = 0
        self._was_ready = False
        self._refreshing = False

    # -- calls -------------------------------------------------------------------------------------

    def handle(self, op: str, args: Options, reply: Reply, line: str = "") -> None:
        """Carry out one call; `line` is the learner's line of Python for it."""
        if line:
            reply = self._with_action(reply, line)
        perform = getattr(self, f"op_{op}", None)
        if perform is None:
            reply.error(f"unknown operation {op!r}")
            return
        try:
            perform(reply, **args)
        except MiniMQError as error:
            reply.error(str(error))

    def op_open(self, reply: Reply, **config: Any) -> None:
        """Start name servers, brokers and slaves; answers at once."""
        self.config = config
        self.pace = float(config["pace"])
        self.port.emit(catalog.PACE_CHANGED, self.pace)
        self._open()
        reply.ok()

    def op_add(self, reply: Reply, role: str, options: Options, listener: str = "") -> None:
        """Answers with the name: at once, or for a listener's sake when it could be loaded."""
        record = self.roster.add(Role(role), options, listener)
        if listener:
            self._pending.append(lambda: self._listener_known(record, reply))
        self._spawn(record)
        if not listener:
            reply.ok(record.name)

    def op_kill(self, reply: Reply, node: str) -> None:
        """Answers when the process is gone."""
        record = self.roster.find(node)
        self._check(record, Step.EXIT)
        self._kill(record, reply.ok)

    def op_power_cut(self, reply: Reply, node: str) -> None:
        """As a kill, and what was not flushed to the disk is lost; simulated only."""
        if not self.port.simulated:
            raise ClusterError("a power cut can only be simulated: use SimCluster")
        record = self.roster.find(node)
        self._check(record, Step.EXIT)
        self._kill(record, reply.ok, "power cut")

    def op_terminate(self, reply: Reply, node: str) -> None:
        """Answers when the signal is sent; a frozen process takes it when it is resumed."""
        record = self.roster.find(node)
        self._check(record, Step.END)
        self._terminate(record)
        reply.ok()

    def op_pause(self, reply: Reply, node: str) -> None:
        record = self.roster.find(node)
        self._move(record, Step.FREEZE)
        self.port.signal(record, "STOP")
        self.port.emit(catalog.NODE_PAUSED, record.name)
        reply.ok()

    def op_resume(self, reply: Reply, node: str) -> None:
        record = self.roster.find(node)
        self._move(record, Step.THAW)
        self.port.signal(record, "CONT")
        self.port.emit(catalog.NODE_RESUMED, record.name)
        reply.ok()

    def op_restart(self, reply: Reply, node: str) -> None:
        """A process that still lives is killed first. Answers when the new one is started."""
        record = self.roster.find(node)
        if record.life.alive:
            self._kill(record, lambda: self._restart(record, reply))
        else:
            self._restart(record, reply)

    def op_remove(self, reply: Reply, node: str) -> None:
        """End a process in order and take it off the map; answers when the signal is sent."""
        record = self.roster.find(node)
        record.removing = True
        if not record.life.alive:
            self._forget(record)
        else:
            if record.state is NodeState.FROZEN:
                self.port.signal(record, "CONT")
                self._move(record, Step.THAW)
            self._terminate(record)
        reply.ok()

    def op_cut(self, reply: Reply, node: str, peer: str, direction: str) -> None:
        one, other = self.roster.find(node), self.roster.find(peer)
        opener, listener = opener_of(one, other)
        if opener is not one:
            direction = {"out": "in", "in": "out"}.get(direction, direction)
        self.links[opener.name, listener.name] = direction
        self.port.emit(catalog.LINK_CUT, one.name, other.name, direction)
        self._tell_facts()
        self._post_link(opener, reply, op="cut", address=listener.address, direction=direction)

    def op_heal(self, reply: Reply, node: str | None = None, peer: str | None = None) -> None:
        """Mend one cable, all of a node, or all there are."""
        ends = {self.roster.find(name).name for name in (node, peer) if name is not None}
        healed = [pair for pair in self.links if ends <= set(pair)]
        for pair in healed:
            del self.links[pair]
            self.port.emit(catalog.LINK_HEALED, *pair)
            opener = self.roster.records.get(pair[0])
            listener = self.roster.records.get(pair[1])
            if opener is not None and listener is not None:
                self._ask(opener, "heal", {"address": listener.address}, Reply(_nobody))
        self._tell_facts()
        reply.ok(len(healed))

    def op_pace(self, reply: Reply, factor: float) -> None:
        self.pace = factor
        for record in self._started():
            self._ask(record, "pace", {"factor": factor}, Reply(_nobody))
        self.port.emit(catalog.PACE_CHANGED, factor)
        self._tell_facts()
        reply.ok()

    def op_listening(self, reply: Reply, on: bool) -> None:
        self.listening = on
        for record in self._started():
            self._ask(record, "listening", {"on": on}, Reply(_nobody))
        if on and not self._refreshing:
            self._refresh_snapshots()
        reply.ok()

    def op_node(self, reply: Reply, node: str, op: str, args: Options) -> None:
        """Pass a call on to a process: its rate, its knobs, a message to send."""
        record = self.roster.find(node)
        if op not in NODE_OPS:
            raise ClusterError(f"unknown operation {op!r}")
        if not record.life.alive:
            raise ClusterError(f"{record.name} is dead")
        if op != "send":  # what a restart shall keep
            record.options.setdefault("calls", {})[f"{op} {args.get('name', '')}"] = [op, args]
        if record.state is NodeState.STARTING and op == "send":
            self._pending.append(lambda: self._once_serving(record, op, args, reply))
        elif record.start_sent:
            self._ask(record, op, args, reply)
        else:
            reply.ok()  # it goes with the start

    def op_create_topic(self, reply: Reply, topic: str, queues: int, **more: Any) -> None:
        """On every broker that runs; answers when all of them and their name servers know it."""
        self._pending.append(lambda: self._create_topic(reply, topic, queues, more))
        self._advance()

    def op_snapshot(self, reply: Reply, node: str) -> None:
        """What the process believes now, or last believed when it cannot answer."""
        record = self.roster.find(node)
        if record.state is not NodeState.RUNNING:
            reply.ok(self._last_snapshot(record))
            return
        self.port.call_later(
            SNAPSHOT_PATIENCE_SECONDS, lambda: reply.ok(self._last_snapshot(record))
        )
        self._ask_snapshot(record, reply)

    def op_reset(self, reply: Reply) -> None:
        """End everything, remove every file, start anew; answers when the first nodes serve."""
        self._end_all(lambda: self._open_again(reply))

    def op_close(self, reply: Reply) -> None:
        """End everything; a cluster with a folder of the learner's lets its brokers finish."""
        self.port.emit(catalog.CLUSTER_CLOSED)
        self._end_all(reply.ok, gently=bool(self.config.get("folder")))

    # -- what nodes say ----------------------------------------------------------------------------

    def from_node(self, record: Record, message: Message) -> None:
        """A message of the node itself: loaded, ready, failed, or an answer."""
        if "id" in message:
            _, reply = self._calls.pop(message["id"], ("", Reply(_nobody)))
            error = message.get("error")
            reply.error(f"{record.name}: {error}") if error else reply.ok(message.get("ok"))
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
        for id_, (name, reply) in list(self._calls.items()):
            if name == record.name:
                del self._calls[id_]
                reply.error(f"{record.name} died before it answered")
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
        self._ask_snapshot(record, Reply(_nobody))

    # -- starting and ending -----------------------------------------------------------------------

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
            "pace": self.pace,
            "listening": self.listening,
            "links": links,
        }

    def _listener_known(self, record: Record, reply: Reply) -> bool:
        if record.loaded:
            reply.ok(record.name)
        elif record.error or not record.life.alive:
            reply.error(record.error or f"{record.name} died while it started")
            record.removing = True
            if not record.life.alive:
                self._forget(record)
        else:
            return False
        return True

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

    # -- talking to nodes --------------------------------------------------------------------------

    def _ask(self, record: Record, op: str, args: Options, reply: Reply) -> None:
        self._next_id += 1
        self._calls[self._next_id] = (record.name, reply)
        self.port.post(record, {"id": self._next_id, "op": op, "args": args})

    def _started(self) -> list[Record]:
        records = self.roster.records.values()
        return [record for record in records if record.start_sent and record.life.alive]

    def _once_serving(self, record: Record, op: str, args: Options, reply: Reply) -> bool:
        if record.state is NodeState.STARTING:
            return False
        if record.state is NodeState.RUNNING:
            self._ask(record, op, args, reply)
        else:
            reply.error(f"{record.name} is {record.state}" + _because(record.error))
        return True

    def _create_topic(self, reply: Reply, topic: str, queues: int, more: Options) -> bool:
        masters = [record for record in self.roster.of_role(Role.BROKER) if record.is_master]
        if any(record.state is NodeState.STARTING for record in masters):
            return False
        running = [record for record in masters if record.state is NodeState.RUNNING]
        if not running:
            reply.error(f"topic {topic}: no broker runs")
            return True
        errors: list[str] = []
        left = len(running)

        def answered(value: Any, error: str | None) -> None:
            nonlocal left
            left -= 1
            if error:
                errors.append(error)
            if left == 0:
                self._topic_created(reply, topic, queues, errors)

        args = {"topic": topic, "queues": queues, **more}
        for record in running:
            self._ask(record, "create_topic", args, Reply(answered))
        return True

    def _topic_created(self, reply: Reply, topic: str, queues: int, errors: list[str]) -> None:
        if errors:
            reply.error("; ".join(errors))
            return
        self.topics[topic] = queues
        self._tell_facts()
        reply.ok()

    def _post_link(self, opener: Record, reply: Reply, op: str, **args: Any) -> None:
        if opener in self._started() and opener.state is not NodeState.FROZEN:
            self._ask(opener, op, args, reply)
        elif opener in self._started():
            self._ask(opener, op, args, Reply(_nobody))
            reply.ok()
        else:
            reply.ok()  # it goes with the start

    # -- snapshots ---------------------------------------------------------------------------------

    def _ask_snapshot(self, record: Record, reply: Reply) -> None:
        def answered(value: Any, error: str | None) -> None:
            if error is None and isinstance(value, dict):
                record.snapshot, record.snapshot_micros = value, self.port.now_micros()
                reply.ok({**value, "age_millis": 0, "stale": False})
            else:
                reply.ok(self._last_snapshot(record))

        self._ask(record, "snapshot", {}, Reply(answered))

    def _last_snapshot(self, record: Record) -> Options:
        taken = record.snapshot_micros
        age = None if taken is None else (self.port.now_micros() - taken) // 1_000
        return {**record.snapshot, "age_millis": age, "stale": True}

    def _refresh_snapshots(self) -> None:
        self._refreshing = self.listening
        if self.listening:
            for record in self._started():
                if record.state is NodeState.RUNNING:
                    self._ask_snapshot(record, Reply(_nobody))
            self.port.call_later(SNAPSHOT_REFRESH_SECONDS, self._refresh_snapshots)

    # -- small things ------------------------------------------------------------------------------

    def _check(self, record: Record, step: Step) -> None:
        refusal = record.life.refuses(step)
        if refusal is not None:
            raise ClusterError(f"{record.name} {refusal}" + _because(record.error))

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

    def _with_action(self, reply: Reply, line: str) -> Reply:
        started = self.port.now_micros()

        def answer(value: Any, error: str | None) -> None:
            millis = (self.port.now_micros() - started) // 1_000
            self.port.emit(catalog.ACTION_DONE, line, millis)
            reply.error(error) if error else reply.ok(value)

        return Reply(answer)


def _nobody(value: Any, error: str | None) -> None:
    """For answers that nobody waits for."""


def _because(error: str) -> str:
    return f": {error}" if error else ""
