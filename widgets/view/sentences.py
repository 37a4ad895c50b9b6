"""Every sentence of every view, by kind: what happened, what it means, what ends it and when.

Numbers are formatted before they come here, so that the table alone can be translated.
"""

from __future__ import annotations

from widgets.view.parts import Parts, bold_parts, plain_text

SENTENCES: dict[str, str] = {
    # -- states that every view has
    "starting": "Starting: {done} of {all} steps, {seconds}.",
    "paused": "This view stands at {at}. The cluster is at {now}, {events} later.",
    "replay": "Recorded run, {at} of {end}.",
    "closed": "The cluster ended at {at}. No process of it is left.",
    "error": "This view stopped. Your code and the cluster are unchanged.",
    "start_failed": "{node} did not start. Your code is unchanged; reset starts everything anew.",
    # -- rebalance
    "rebalance.empty": "No consumer in group **{group}** yet: nobody owns the {queues}.",
    "rebalance.empty_any": "No consumer yet: nobody owns the {queues}.",
    "rebalance.no_topic": "No topic yet. It appears with the first message or the first consumer.",
    "rebalance.calm": "{owners}.",
    "rebalance.joined": "{who} joined. {effects}{again} Now {owners}.",
    "rebalance.killed": "**{who} was killed.** {effects}{again} Now {owners}.",
    "rebalance.ended": "{who} ended in order. {effects}{again} Now {owners}.",
    "rebalance.frozen": "**{who} is frozen**{belief}. Queues **{queues}** have not been served for "
    "**{length}**{drop}.",
    "rebalance.frozen_taken": "{who} is frozen. After **{length}** others took over **{queues}**; "
    "{who} will still believe that it owns them when it wakes.",
    "rebalance.frozen_idle": "{who} is frozen. It owned no queue, so nothing waits for it.",
    "rebalance.cut": "{what}. {effects}{again} Now {owners}.",
    "rebalance.woke": "{who} woke up{believing}. {effects}{again} Now {owners}.",
    "rebalance.broker": "{who} {what}. {effects} Now {owners}.",
    "rebalance.unowned": "Nobody owns **{queues}**: {length} so far. {owners}.",
    "rebalance.twice": "**{queues}** {have} {owners}: {length} so far. {verdict}",
    "rebalance.idle": " Nobody owns **{queues}**.",
    "effect.none": "No queue was without an owner. ",
    "effect.gap": "**{queues}** had no owner for **{length}**. ",
    "effect.gap_open": "**{queues}** {have} no owner, **{length}** so far. ",
    "effect.many": "**{queues}** had {owners} for **{length}**. ",
    "effect.many_open": "**{queues}** {have} {owners}, **{length}** so far. ",
    "effect.again": "**{messages}** came again.",
    # -- offsets
    "offset.empty": "No consumer has taken a queue of **{topic}** yet: there is "
    "no position to show.",
    "offset.calm": "{lag} not yet safe. Killing {who} now repeats **{again}**.",
    "offset.safe": "Every position agrees: all {stored} are handled and reported.",
    "offset.unread": "{lag} wait, and nobody reads them.",
    "offset.stuck": "One message of **{queue}** has been in the listener for **{length}**. "
    "{finished} newer ones are finished, but the commit cannot pass it. "
    "Killing {who} now repeats **{again}**.",
    "offset.repeated": " **{messages}** came again so far: the next owner started at the position "
    "that the broker held.",
    "offset.disk": " If {broker} crashes too, **{disk}** come again.",
    # -- long poll
    "poll.empty": "No pull is held yet. A consumer that finds nothing waits at the broker.",
    "poll.arrival": "{queue}: a message ended the wait after **{held}**{wake}.",
    "poll.sweep": "{queue}: the sweep found a message after **{held}**; the arrival itself woke "
    "nobody{wake}.",
    "poll.timeout": "{queue}: the hold was over after **{held}**, without a message. The consumer "
    "asks again at once.",
    "poll.connection": "{queue}: the connection was lost after **{held}**{retry}.",
    "poll.killed": "{who} {what}: its **{pulls}** ended at once{retry}.",
    "poll.holding": "**{pulls}** are held, the longest for {held}. A message would end the wait at "
    "once.",
    # -- playground
    "play.ready": "The cluster runs. Add a consumer, freeze one, kill one: look at **Who serves**.",
    "panel.ready": "The cluster runs. Each button sends a signal or starts a process; the line of "
    "Python that it ran stands above.",
    "play.frozen": "**{who} is frozen**, and {belief}. Queues **{queues}** have "
    "not been served for "
    "**{length}**; {waiting} wait.{drop}",
    "play.frozen_node": "**{who} is frozen** for {length}, and {belief}.{drop}",
    "play.steady": "{gone}{owners}. {waiting} not yet safe; {latency}.",
    # -- route
    "route.empty": "No broker has registered yet: every client would get no route.",
    "route.calm": "Everybody believes what is true: {brokers} up.",
    "route.wrong": "{who} {state} **{length}**. {knows}{wrong}",
    "route.knows": "{who}. ",
    "route.still": "**{who} still {believe} it is up**{next}.",
    "route.unheard_by": "{who} is up, and {observers} {do} not know it yet.",
    # -- store
    "store.empty": "The log of {broker} is empty. Send one message to see its bytes.",
    "store.dead": "**{broker} is dead.** What it had written, {bytes}, lies in its files: its next "
    "start reads them again.",
    "store.now": "{records} are written ({bytes}). {dispatched} {flushed}",
    "store.dispatched": "All are dispatched: consumers can see them.",
    "store.undispatched": "**{records} not dispatched**: no consumer can see them yet.",
    "store.flushed": "All are flushed: a power cut loses nothing.",
    "store.unflushed": "**{bytes} are not flushed**: a power cut now loses them; "
    "killing the process "
    "loses nothing.",
    "store.unflushed_kept": "**{bytes} are not flushed.** With no disk a power cut loses "
    "everything.",
    # -- process queue
    "window.empty": "Nobody holds {queue} now: there is no window.",
    "window.now": "{who} holds {cached} of {queue}: {running} in the listener, {waiting} waiting. "
    "{finished} newer ones are finished. The commit stands at **{oldest}**.",
    "window.limited": "{who} pulls no more from {queue}: **{why}**. It asks again in {delay}.",
    # -- passport
    "passport.empty": "No message yet. Send one, then its way is drawn here.",
    "passport.unknown": "Nothing was told of this message: its details flowed while nobody looked.",
    "passport.sent": "It was sent {age} ago. No broker has answered yet.",
    "passport.unsent": "It was sent {age} ago, and no broker took it: {status}.",
    "passport.stored": "It is stored in {queue} at byte {byte}. No consumer has it yet.",
    "passport.running": "**{who}** has had it in the listener for {age}.",
    "passport.done": "**{who}** finished it{tries}, {total} after it was sent. {copies}",
    "passport.failed": "The listener of **{who}** failed on it, try {tries}. {copies}",
    "passport.due": "The listener of {who} failed on it. Its newest copy is due and waits in the "
    "retry topic for a consumer. {copies}",
    "passport.delayed": "The listener of **{who}** failed on it, try {tries}. It is now copy "
    "{number} in the delay topic, due in **{due}** ({whole} at ×1). {copies}",
    "passport.delayed_first": "It was sent with a delay: it is copy {number} in the delay topic, "
    "due in **{due}** ({whole} at ×1). {copies}",
    "passport.dead": "Its tries are used up: it lies in **{topic}**, where nobody reads. {copies}",
    "passport.missing": "Of {what} nothing was told.",
    "passport.lost": "{lost} events were lost on the way here, so a step may be missing.",
    # -- event log
    "log.empty": "Nothing has happened yet.",
    "log.newest": "{text}",
    # -- learning
    "predict.before": "Choose an answer and how sure you are. Nothing runs before.",
    "predict.running": "Stored: {said}, {sure}. The run goes on.",
    "predict.see": "What did you see? Write it down, then read on.",
    "predict.right": "You said {said}, and it was {was}.",
    "predict.wrong": "You said {said}, but it was **{was}**.",
    "predict.skipped": "The run started without an answer.",
    "predict.was": "It was **{was}**. Nobody had said anything before.",
    "check.pass": "All {all} rules hold.",
    "check.fail": "Not yet. {held} of {all} rules hold.",
    "check.before": "Not judged yet.",
    "check.nothing": "Nothing to judge: {reason}",
    "goal.open": "Still missing: {missing}.",
    "goal.reached": "**The light is on.** {done}",
    "ledger.empty": "No prediction is stored yet.",
    "ledger.open": "{many} without an outcome yet.",
    "ledger.calibrated": "You were right in {right} of {all}, and never sure and wrong. ",
    "ledger.shares": "When sure you were right in {sure}, when guessing in {guess}. ",
    "ledger.sure_wrong": "You were **sure and wrong {times}** (boxed). Look at these first:",
}


def say(kind: str, **values: object) -> Parts:
    """The sentence of this kind as rich text."""
    return bold_parts(SENTENCES[kind].format(**values))


def clause(kind: str, **values: object) -> str:
    """A piece of a sentence, still with its **bold**."""
    return SENTENCES[kind].format(**values)


def spoken(kind: str, **values: object) -> str:
    return plain_text(say(kind, **values))
