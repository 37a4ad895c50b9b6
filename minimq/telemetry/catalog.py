"""Every event that minimq emits: the only place where names are born.

`state(...)` events are never dropped. `gauge(...)` is a state event of which one batch keeps the
newest per thing measured (the fields before the bar). `detail(...)` flows while somebody listens.
docs/events.md is compared with this file by a test.
"""

from __future__ import annotations

from minimq.telemetry.event import EventType

CATALOG: list[EventType] = []


def _add(name: str, meaning: str, fields: str, state: bool, holdable: bool = False) -> EventType:
    key, bar, rest = fields.partition("|")
    names = tuple(key.split() + rest.split())
    latest_of = tuple(range(len(key.split()))) if bar else None
    event_type = EventType(len(CATALOG), name, meaning, names, state, latest_of, holdable)
    CATALOG.append(event_type)
    return event_type


def state(name: str, meaning: str, fields: str = "") -> EventType:
    return _add(name, meaning, fields, True)


def gauge(name: str, meaning: str, fields: str) -> EventType:
    assert "|" in fields, name
    return _add(name, meaning, fields, True)


def detail(name: str, meaning: str, fields: str = "", holdable: bool = False) -> EventType:
    return _add(name, meaning, fields, False, holdable)


# -- every process ---------------------------------------------------------------------------
SERVICE_STARTED = detail("service.started", "A service began its loop.")
SERVICE_STOPPED = detail("service.stopped", "A service ended its loop.")
SERVICE_FAILED = state("service.failed", "One round of a service failed; it goes on.", "error")
SERVICE_CRASHED = state("service.crashed", "A service ended by a mistake of ours.", "error")
LOOP_LAGGED = state("loop.lagged", "The loop of the process was busy too long.", "lag_millis")

# -- remoting --------------------------------------------------------------------------------
CHANNEL_OPENED = detail("remoting.channel.opened", "A connection stands.", "peer outbound")
CHANNEL_CLOSED = state("remoting.channel.closed", "A connection ended.", "peer outbound reason")
FRAME_SENT = detail(
    "remoting.frame.sent",
    "A frame left: code is the request's or the answer's, flag bit 0 marks an answer.",
    "peer code opaque flag body_bytes",
    holdable=True,
)
FRAME_RECEIVED = detail(
    "remoting.frame.received",
    "A whole frame arrived.",
    "peer code opaque flag body_bytes",
    holdable=True,
)
FRAME_REFUSED = state(
    "remoting.frame.refused", "A peer sent bytes that are no frame; it was cut off.", "peer error"
)
REQUEST_UNSUPPORTED = state(
    "remoting.request.unsupported", "A request code that nobody here serves.", "peer code"
)
REQUEST_REJECTED = state(
    "remoting.request.rejected",
    "A request was refused because a bound was reached.",
    "peer code bound",
)

# -- name server -----------------------------------------------------------------------------
NAMESRV_BROKER_REGISTERED = state(
    "namesrv.broker.registered",
    "A broker registered for the first time or with changed topics.",
    "broker_name broker_id broker_addr topics first",
)
NAMESRV_BROKER_ALIVE = gauge(
    "namesrv.broker.alive",
    "The last sign of life of a broker, and how long the name server believes it without one.",
    "broker_addr | broker_name broker_id last_update_millis expires_after_millis",
)
NAMESRV_BROKER_REMOVED = state(
    "namesrv.broker.removed",
    "The name server stopped believing in a broker: cause is unregister, channel or expired.",
    "broker_name broker_id broker_addr cause",
)
NAMESRV_SCANNED = detail("namesrv.scanned", "The liveness scan ran.", "brokers removed")
NAMESRV_ROUTE_ANSWERED = detail(
    "namesrv.route.answered", "A route was asked for.", "peer topic found brokers"
)
NAMESRV_PERM_CHANGED = state(
    "namesrv.perm.changed",
    "A broker's write permission was wiped or added.",
    "broker_name perm topics",
)

# -- store -----------------------------------------------------------------------------------
STORE_APPENDED = detail(
    "store.message.appended",
    "A record is in the commit log.",
    "topic queue_id queue_offset commit_log_offset size_bytes uniq_key",
)
STORE_DISPATCHED = detail(
    "store.message.dispatched",
    "A record has its consume-queue unit: consumers can see it.",
    "topic queue_id queue_offset commit_log_offset size_bytes",
)
STORE_POSITIONS = gauge(
    "store.positions",
    "How far the commit log is written, flushed and dispatched.",
    "log | wrote flushed dispatched min_offset",
)
STORE_QUEUE_ADVANCED = gauge(
    "store.queue.advanced",
    "The next free offset of a consume queue.",
    "topic queue_id | max_offset min_offset",
)
STORE_FLUSHED = detail("store.flushed", "Bytes reached the disk.", "from_offset to_offset")
STORE_SEGMENT_ROLLED = state(
    "store.segment.rolled", "A commit-log segment is full; the next one begins.", "base_offset"
)
STORE_SEGMENT_DELETED = state(
    "store.segment.deleted", "A commit-log segment was removed.", "base_offset cause"
)
STORE_RECOVERED = state(
    "store.recovered",
    "The store was opened: how it ended last time, what was read again, what was cut.",
    "clean records truncated_bytes millis",
)
STORE_NOT_WRITEABLE = state("store.not.writeable", "The store refuses writes.", "cause")
STORE_DAMAGED = state("store.damaged", "Bytes of a file cannot be right.", "file offset cause")

# -- broker ----------------------------------------------------------------------------------
BROKER_REGISTERED = state(
    "broker.registered", "This broker told a name server its topics.", "namesrv ok topics"
)
BROKER_TOPIC_CREATED = state(
    "broker.topic.created",
    "A topic exists now on this broker.",
    "topic read_queues write_queues perm",
)
BROKER_TOPIC_DELETED = state("broker.topic.deleted", "A topic is gone.", "topic")
BROKER_CONSUMER_JOINED = state(
    "broker.consumer.joined",
    "A consumer is a member of its group at this broker.",
    "consumer_group client_id members",
)
BROKER_CONSUMER_LEFT = state(
    "broker.consumer.left",
    "A member is gone: cause is unregister, channel or expired.",
    "consumer_group client_id cause members",
)
BROKER_CONSUMER_ALIVE = gauge(
    "broker.consumer.alive",
    "The last heartbeat of a consumer, and how long it is believed without one.",
    "consumer_group client_id | last_update_millis expires_after_millis",
)
BROKER_IDS_NOTIFIED = state(
    "broker.ids.notified",
    "The members of a group were told that it changed.",
    "consumer_group members",
)
BROKER_PRODUCER_JOINED = state(
    "broker.producer.joined", "A producer is known here.", "producer_group client_id"
)
BROKER_PRODUCER_LEFT = state(
    "broker.producer.left", "A producer is gone.", "producer_group client_id cause"
)
BROKER_SEND_ANSWERED = detail(
    "broker.send.answered",
    "A send was stored or refused.",
    "topic queue_id queue_offset response_code uniq_key",
)
BROKER_PULL_ANSWERED = detail(
    "broker.pull.answered",
    "A pull got its answer; status is the GetMessageStatus.",
    "topic queue_id queue_offset consumer_group client_id status count next_begin_offset opaque",
)
BROKER_HOLD_SUSPENDED = state(
    "broker.hold.suspended",
    "A pull found nothing and is held; polling is long (an arrival ends it) or short.",
    "topic queue_id queue_offset consumer_group client_id opaque hold_millis polling",
)
BROKER_HOLD_ENDED = state(
    "broker.hold.ended",
    "A held pull ended: cause is arrival, sweep (the check found one), timeout or connection.",
    "topic queue_id queue_offset consumer_group client_id opaque cause held_millis",
)
BROKER_HOLD_SWEPT = state("broker.hold.swept", "The hold table was checked.", "held ended")
BROKER_HOLD_REFUSED = state(
    "broker.hold.refused", "The hold table is full: the pull was answered at once.", "held"
)
BROKER_OFFSET_COMMITTED = gauge(
    "broker.offset.committed",
    "The broker holds this position; via is timer (request 15), pull (rider) or admin.",
    "consumer_group topic queue_id | queue_offset via client",
)
BROKER_OFFSET_PERSISTED = gauge(
    "broker.offset.persisted",
    "consumerOffset.json holds this position.",
    "consumer_group topic queue_id | queue_offset",
)
BROKER_SENT_BACK = state(
    "broker.message.sent_back",
    "A consumer gave a message back; a copy waits in the retry or dead-letter topic.",
    "consumer_group origin_topic uniq_key reconsume_times delay_level to_topic",
)
BROKER_DELAY_DELIVERED = detail(
    "broker.delay.delivered",
    "A delayed message is due and was stored again.",
    "level topic uniq_key",
)
BROKER_QUEUE_LOCKED = state(
    "broker.queue.locked",
    "A client holds a queue for orderly consumption.",
    "consumer_group topic queue_id client_id",
)
BROKER_QUEUE_UNLOCKED = state(
    "broker.queue.unlocked", "A queue lock ended.", "consumer_group topic queue_id client_id cause"
)
BROKER_TRANSACTION_PREPARED = state(
    "broker.transaction.prepared",
    "A half message is stored.",
    "topic producer_group uniq_key queue_offset",
)
BROKER_TRANSACTION_ENDED = state(
    "broker.transaction.ended",
    "A half message was committed, rolled back or given up.",
    "topic producer_group uniq_key queue_offset outcome",
)
BROKER_TRANSACTION_CHECKED = state(
    "broker.transaction.checked",
    "A producer was asked about a half message.",
    "producer_group uniq_key times",
)
BROKER_FAST_FAILED = state(
    "broker.fast.failed",
    "A request waited too long in its queue and was refused.",
    "queue waited_millis",
)

# -- replication -----------------------------------------------------------------------------
HA_SLAVE_CONNECTED = state("ha.slave.connected", "A slave reported its position.", "peer offset")
HA_SLAVE_LEFT = state("ha.slave.left", "The connection of a slave ended.", "peer")
HA_TRANSFERRED = gauge(
    "ha.transferred", "How far a slave has the log.", "peer | acked_offset sent_offset"
)
HA_MASTER_CONNECTED = state(
    "ha.master.connected", "This slave reads from its master.", "master offset"
)
HA_METADATA_SYNCED = state(
    "ha.metadata.synced", "Topics, groups and offsets came from the master.", "what"
)

# -- access ----------------------------------------------------------------------------------
ACL_REFUSED = state(
    "acl.refused", "A request had no valid signature or permission.", "peer code access_key why"
)

# -- client ----------------------------------------------------------------------------------
CLIENT_STARTED = state("client.started", "A client instance runs.", "client_id")
CLIENT_STOPPED = state("client.stopped", "A client instance ended in order.", "client_id")
CLIENT_START_STEP = detail("client.start.step", "One step of a start.", "step")
CLIENT_ROUTE_CHANGED = state(
    "client.route.changed",
    "The client believes a new route: brokers as name:queues:perm, one per blank.",
    "topic brokers",
)
CLIENT_ROUTE_POLLED = gauge(
    "client.route.polled", "A route was asked for.", "topic | namesrv found next_poll_millis"
)
CLIENT_ROUTE_FAILED = state(
    "client.route.failed", "No name server answered for a topic.", "topic error"
)
CLIENT_BROKER_FORGOTTEN = state(
    "client.broker.forgotten",
    "No route names this broker address any more.",
    "broker_name broker_addr",
)
CLIENT_HEARTBEAT_SENT = detail(
    "client.heartbeat.sent", "A broker got a heartbeat.", "broker_name broker_id ok"
)

# -- producer --------------------------------------------------------------------------------
SEND_STARTED = detail(
    "producer.send.started",
    "One attempt to send began.",
    "uniq_key topic broker_name queue_id attempt",
)
SEND_COMPLETE = detail(
    "producer.send.complete",
    "A send was answered.",
    "uniq_key topic broker_name queue_id queue_offset status millis attempt",
)
SEND_FAILED = state(
    "producer.send.failed",
    "An attempt failed; final tells whether the producer gave up.",
    "uniq_key topic broker_name attempt error final",
)
FAULT_ITEM_UPDATED = state(
    "producer.fault.updated",
    "The latency fault table changed.",
    "broker_name latency_millis not_available_millis",
)
PRODUCER_RATE = state(
    "producer.rate", "The rate of a producer process was set.", "topic per_second"
)
PRODUCER_COUNTED = gauge(
    "producer.counted", "Sends of a producer process so far.", "topic | sent failed"
)

# -- consumer --------------------------------------------------------------------------------
REBALANCE_STARTED = state(
    "rebalance.started",
    "A consumer computes its share: the inputs it used.",
    "consumer_group topic members queues strategy broker_name",
)
REBALANCE_COMPLETE = state(
    "rebalance.complete",
    "A consumer's share, as it believes it (broker:queue, blanks between).",
    "consumer_group topic mine changed",
)
REBALANCE_SKIPPED = state(
    "rebalance.skipped",
    "No members or no queues known: the topic keeps its share.",
    "consumer_group topic why",
)
QUEUE_ADDED = state(
    "rebalance.queue.added",
    "A consumer took a queue.",
    "consumer_group topic broker_name queue_id next_offset",
)
QUEUE_DROPPED = state(
    "rebalance.queue.dropped",
    "A consumer gave a queue up.",
    "consumer_group topic broker_name queue_id why",
)
PULL_SENT = detail(
    "consumer.pull.sent",
    "A pull request left.",
    "consumer_group topic broker_name queue_id queue_offset commit_offset opaque",
    holdable=True,
)
PULL_COMPLETE = detail(
    "consumer.pull.complete",
    "A pull was answered.",
    "consumer_group topic broker_name queue_id status next_begin_offset count millis",
)
PULL_FAILED = state(
    "consumer.pull.failed",
    "A pull got no usable answer; the next try waits.",
    "consumer_group topic broker_name queue_id error delay_millis",
)
PULL_DELAYED = state(
    "consumer.pull.delayed",
    "A pull was put off: paused, count, size, span, unlocked, state.",
    "consumer_group topic broker_name queue_id why delay_millis",
)
OFFSET_ILLEGAL = state(
    "consumer.offset.illegal",
    "The broker refused an offset; the queue is repaired after a pause.",
    "consumer_group topic broker_name queue_id queue_offset next_offset",
)
WINDOW_CHANGED = gauge(
    "consumer.window.changed",
    "The process queue: pulled is the next offset to pull, oldest the smallest unfinished.",
    "consumer_group topic broker_name queue_id | pulled oldest cached size_bytes span",
)
LISTENER_STARTED = detail(
    "consumer.listener.started",
    "Messages were handed to the listener.",
    "topic broker_name queue_id queue_offset count uniq_key reconsume_times store_timestamp",
)
LISTENER_COMPLETE = detail(
    "consumer.listener.complete",
    "The listener returned.",
    "topic broker_name queue_id queue_offset count uniq_key status millis",
)
LISTENER_RAISED = state(
    "consumer.listener.raised", "The listener raised an exception.", "topic error"
)
LISTENER_RETURNED_NONE = state(
    "consumer.listener.returned_none",
    "The listener returned no status: taken as RECONSUME_LATER.",
    "topic",
)
LISTENER_REPORTED = state("consumer.listener.reported", "context.report(value).", "value")
LISTENER_PRINTED = state("consumer.listener.printed", "print() in a listener.", "text")
MESSAGE_SENT_BACK = state(
    "consumer.message.sent_back",
    "A message was given back: via is broker, producer (fallback copy) or local (5 s later).",
    "topic broker_name queue_id queue_offset uniq_key delay_level via",
)
MESSAGE_DISCARDED = state(
    "consumer.message.discarded",
    "A result was thrown away because the queue moved or the group broadcasts.",
    "topic broker_name queue_id queue_offset why",
)
OFFSET_UPDATED = gauge(
    "offset.updated",
    "The position that a consumer will report.",
    "consumer_group topic broker_name queue_id | queue_offset",
)
OFFSET_REPORTED = state(
    "offset.reported",
    "A consumer told the broker its position: via is timer, drop or shutdown.",
    "consumer_group topic broker_name queue_id queue_offset via",
)
OFFSET_LOADED = state(
    "offset.loaded",
    "Where a queue is taken up, and why there.",
    "consumer_group topic broker_name queue_id queue_offset source",
)
ORDER_LOCKED = state(
    "consumer.order.locked", "An orderly queue is locked or not.", "topic broker_name queue_id ok"
)
TRANSACTION_EXECUTED = state(
    "producer.transaction.executed", "The local part of a transaction ended.", "uniq_key outcome"
)
TRANSACTION_ASKED = state(
    "producer.transaction.asked", "A broker asked about a transaction.", "uniq_key outcome"
)

# -- cluster: told by the supervisor or the simulation ------------------------------------------
NODE_STARTING = state("node.starting", "A process was asked for.", "node role")
NODE_STEP = state("node.step", "A starting process reached a step.", "node step number of")
NODE_READY = state("node.ready", "A process serves.", "node role address pid millis")
NODE_FAILED = state("node.failed", "A process could not start.", "node error")
NODE_PAUSED = state("node.paused", "SIGSTOP: the process stands still.", "node")
NODE_RESUMED = state("node.resumed", "SIGCONT: the process goes on.", "node")
NODE_ENDING = state("node.ending", "A signal was sent.", "node signal")
NODE_EXITED = state("node.exited", "A process is gone.", "node exit_code signal")
NODE_REMOVED = state("node.removed", "A dead process was taken off the map.", "node")
NODE_MEMORY = gauge("node.memory", "Memory of a process.", "node | pss_kib")
LINK_CUT = state("link.cut", "A cable was cut between two processes.", "node peer direction")
LINK_HEALED = state("link.healed", "A cable was mended.", "node peer")
PACE_CHANGED = state("cluster.pace", "The time dial moved.", "factor")
CLUSTER_READY = state("cluster.ready", "All first processes serve.", "millis")
CLUSTER_RESET = state("cluster.reset", "Everything was ended and its folder removed.")
CLUSTER_CLOSED = state("cluster.closed", "The cluster ended.")
ACTION_DONE = state(
    "cluster.action", "A call of the learner's, as a line of Python.", "line millis"
)
EVENTS_LOST = state("cluster.events.lost", "A process had to drop detail events.", "node count")

BY_NAME = {event_type.name: event_type for event_type in CATALOG}
