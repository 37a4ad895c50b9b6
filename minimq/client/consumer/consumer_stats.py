"""How fast a consumer pulls and consumes, by topic, over the last minute.

Java:    client.stat.ConsumerStatsManager
Differs: counted per second instead of sampled every ten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from minimq.protocol.client_body import ConsumeStatus

WINDOW_SECONDS = 60
TOPICS_MAX = 1_000


class _Second:
    __slots__ = ("consume_millis", "failed", "ok", "pull_millis", "pulled", "pulls", "second")

    def __init__(self, second: int) -> None:
        self.second = second
        self.ok = self.failed = self.pulls = self.pulled = 0
        self.pull_millis = self.consume_millis = 0.0


class ConsumerStats:
    def __init__(self, now_millis: Callable[[], int]) -> None:
        self._now_millis = now_millis
        self._topics: dict[str, deque[_Second]] = {}
        self.ok_total = self.failed_total = 0

    def consumed(self, topic: str, ok: int, failed: int, millis: float = 0.0) -> None:
        second = self._second(topic)
        second.ok += ok
        second.failed += failed
        second.consume_millis += millis
        self.ok_total += ok
        self.failed_total += failed

    def pulled(self, topic: str, count: int, millis: float) -> None:
        second = self._second(topic)
        second.pulls += 1
        second.pulled += count
        second.pull_millis += millis

    def consume_status(self, topic: str) -> ConsumeStatus:
        seconds = list(self._topics.get(topic, ()))
        newest = self._now_millis() // 1_000
        seconds = [x for x in seconds if newest - x.second < WINDOW_SECONDS]
        ok, failed = sum(x.ok for x in seconds), sum(x.failed for x in seconds)
        pulls = sum(x.pulls for x in seconds)
        return ConsumeStatus(
            pull_rt=sum(x.pull_millis for x in seconds) / pulls if pulls else 0.0,
            pull_tps=sum(x.pulled for x in seconds) / WINDOW_SECONDS,
            consume_rt=sum(x.consume_millis for x in seconds) / (ok + failed or 1),
            consume_ok_tps=ok / WINDOW_SECONDS,
            consume_failed_tps=failed / WINDOW_SECONDS,
            consume_failed_msgs=failed,
        )

    def _second(self, topic: str) -> _Second:
        now = self._now_millis() // 1_000
        seconds = self._topics.get(topic)
        if seconds is None:
            if len(self._topics) >= TOPICS_MAX:
                self._topics.pop(next(iter(self._topics)))
            seconds = self._topics[topic] = deque(maxlen=WINDOW_SECONDS)
        if not seconds or seconds[-1].second != now:
            seconds.append(_Second(now))
        return seconds[-1]
