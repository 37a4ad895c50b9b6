"""What a cluster does when it is asked: start, signal, wire and question its nodes.

The same class directs real processes (`supervisor`) and simulated ones (`sim_cluster`); the port
tells them apart. Nothing here waits: a call gets its reply when it is due.

Differs: RocketMQ is started by hand, process by process.
"""

from __future__ import annotations

from typing import Any

from minimq.cluster.lifecycle import Lifecycle, because
from minimq.cluster.node import NodeState, Role, Step
from minimq.cluster.port import Port, Reply, nobody
from minimq.cluster.roster import Options, Record, opener_of
from minimq.errors import ClusterError, MiniMQError
from minimq.telemetry import catalog

SNAPSHOT_PATIENCE_SECONDS = 0.045
"""A snapshot never blocks longer than 50 ms; then the last known one is given."""
SNAPSHOT_REFRESH_SECONDS = 1.0
"""How often the last known snapshots are renewed while somebody looks."""
KEPT_OPS = ("set_rate", "set_work_millis", "set_knob")
"""What a restart shall keep."""
NODE_OPS = (*KEPT_OPS, "send", "record_bytes")


class Director(Lifecycle):
    """`op_…` are the calls."""

    def __init__(self, port: Port) -> None:
        super().__init__(port)
        self._refreshing = False

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
                self.nodes.ask(opener, "heal", {"address": listener.address}, nobody())
        self._tell_facts()
        reply.ok(len(healed))

    def op_pace(self, reply: Reply, factor: float) -> None:
        self.pace = factor
        for record in self._started():
            self.nodes.ask(record, "pace", {"factor": factor}, nobody())
        self.port.emit(catalog.PACE_CHANGED, factor)
        self._tell_facts()
        reply.ok()

    def op_listening(self, reply: Reply, on: bool, frames: bool) -> None:
        self.listening, self.frames = on, frames
        for record in self._started():
            self.nodes.ask(record, "listening", {"on": on, "frames": frames}, nobody())
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
        if op in KEPT_OPS:
            record.options.setdefault("calls", {})[f"{op} {args.get('name', '')}"] = [op, args]
        if record.state is NodeState.STARTING and op not in KEPT_OPS:
            self._pending.append(lambda: self._once_serving(record, op, args, reply))
        elif record.start_sent:
            self.nodes.ask(record, op, args, reply)
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
            reply.ok(self.nodes.last_snapshot(record))
            return
        self.port.call_later(
            SNAPSHOT_PATIENCE_SECONDS, lambda: reply.ok(self.nodes.last_snapshot(record))
        )
        self.nodes.ask_snapshot(record, reply)

    def op_reset(self, reply: Reply) -> None:
        """End everything, remove every file, start anew; answers when the first nodes serve."""
        self._end_all(lambda: self._open_again(reply))

    def op_close(self, reply: Reply) -> None:
        """End everything; a cluster with a folder of the learner's lets its brokers finish."""
        self.port.emit(catalog.CLUSTER_CLOSED)
        self._end_all(reply.ok, gently=bool(self.config.get("folder")))

    # -- what calls need ---------------------------------------------------------------------------

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

    def _started(self) -> list[Record]:
        records = self.roster.records.values()
        return [record for record in records if record.start_sent and record.life.alive]

    def _once_serving(self, record: Record, op: str, args: Options, reply: Reply) -> bool:
        if record.state is NodeState.STARTING:
            return False
        if record.state is NodeState.RUNNING:
            self.nodes.ask(record, op, args, reply)
        else:
            reply.error(f"{record.name} is {record.state}" + because(record.error))
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
            self.nodes.ask(record, "create_topic", args, Reply(answered))
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
            self.nodes.ask(opener, op, args, reply)
        elif opener in self._started():
            self.nodes.ask(opener, op, args, nobody())
            reply.ok()
        else:
            reply.ok()  # it goes with the start

    def _refresh_snapshots(self) -> None:
        self._refreshing = self.listening
        if self.listening:
            for record in self._started():
                if record.state is NodeState.RUNNING:
                    self.nodes.ask_snapshot(record, nobody())
            self.port.call_later(SNAPSHOT_REFRESH_SECONDS, self._refresh_snapshots)

    def _with_action(self, reply: Reply, line: str) -> Reply:
        started = self.port.now_micros()

        def answer(value: Any, error: str | None) -> None:
            millis = (self.port.now_micros() - started) // 1_000
            self.port.emit(catalog.ACTION_DONE, line, millis)
            reply.error(error) if error else reply.ok(value)

        return Reply(answer)
