"""Count what goes in and out, for the tools that ask.

Java:    store.stats.BrokerStatsManager, store.stats.BrokerStats, StoreStatsService
Differs: one table of plain counters; a sampler takes a picture every ten seconds, and rates are
         differences between pictures.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

TOPIC_PUT_NUMS = "TOPIC_PUT_NUMS"
TOPIC_PUT_SIZE = "TOPIC_PUT_SIZE"
GROUP_GET_NUMS = "GROUP_GET_NUMS"
GROUP_GET_SIZE = "GROUP_GET_SIZE"
SNDBCK_PUT_NUMS = "SNDBCK_PUT_NUMS"
STATS_NAMES = (TOPIC_PUT_NUMS, TOPIC_PUT_SIZE, GROUP_GET_NUMS, GROUP_GET_SIZE, SNDBCK_PUT_NUMS)
TOTALS = {"BROKER_PUT_NUMS": "put", "BROKER_GET_NUMS": "get"}
"""Counters that need no table of their own."""

SAMPLE_MILLIS = 10_000
SAMPLES_MAX = 61
"""Ten minutes of pictures."""
KEYS_MAX = 10_000
"""Topics and groups that are counted; more are not, so that names cannot fill the memory."""


_Sample = tuple[int, dict[str, int], dict[str, dict[str, int]]]
"""(when, totals, counters)."""


class Rates(NamedTuple):
    """Per second, over the last 10, 60 and 600 seconds."""

    ten_seconds: float
    minute: float
    ten_minutes: float

    def __str__(self) -> str:
        return f"{self.ten_seconds} {self.minute} {self.ten_minutes}"


class BrokerStatsManager:
    def __init__(self) -> None:
        self.put_total = 0
        self.put_bytes_total = 0
        self.put_failed_total = 0
        self.get_total = 0
        self.get_found_total = 0
        self.get_miss_total = 0
        self.counters: dict[str, dict[str, int]] = {name: {} for name in STATS_NAMES}
        self._put_nums = self.counters[TOPIC_PUT_NUMS]
        self._put_sizes = self.counters[TOPIC_PUT_SIZE]
        self.mornings = {"Put": (0, 0), "Get": (0, 0)}
        """Totals at yesterday's and today's midnight."""
        self._day = 0
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES_MAX)

    # -- counting (hot path) ---------------------------------------------------------------------

    def put(self, topic: str, count: int, size: int) -> None:
        self.put_total += count
        self.put_bytes_total += size
        nums, sizes = self._put_nums, self._put_sizes
        if topic in nums:
            nums[topic] += count
            sizes[topic] += size
        elif len(nums) < KEYS_MAX:
            nums[topic], sizes[topic] = count, size

    def put_failed(self) -> None:
        self.put_failed_total += 1

    def got(self, topic: str, group: str, count: int, size: int) -> None:
        if not count:
            self.get_miss_total += 1
            return
        self.get_found_total += 1
        self.get_total += count
        key = f"{topic}@{group}"
        nums = self.counters[GROUP_GET_NUMS]
        if key in nums:
            nums[key] += count
            self.counters[GROUP_GET_SIZE][key] += size
        elif len(nums) < KEYS_MAX:
            nums[key], self.counters[GROUP_GET_SIZE][key] = count, size

    def sent_back(self, topic: str, group: str) -> None:
        nums = self.counters[SNDBCK_PUT_NUMS]
        key = f"{topic}@{group}"
        if key in nums or len(nums) < KEYS_MAX:
            nums[key] = nums.get(key, 0) + 1

    # -- rates -----------------------------------------------------------------------------------

    def sample(self, now_millis: int, day: int) -> None:
        """Take a picture; `day` is the calendar day's number."""
        if day != self._day:
            for direction, total in (("Put", self.put_total), ("Get", self.get_total)):
                self.mornings[direction] = (self.mornings[direction][1], total if self._day else 0)
            self._day = day
        keyed = {name: dict(table) for name, table in self.counters.items()}
        self._samples.append((now_millis, self._totals(), keyed))

    def _totals(self) -> dict[str, int]:
        return {
            "put": self.put_total,
            "get": self.get_total,
            "found": self.get_found_total,
            "miss": self.get_miss_total,
        }

    def rates(self, name: str, now_millis: int) -> Rates:
        """`name` is put, get, found or miss."""
        now = self._totals()[name]
        spans = (10, 60, 600)
        return Rates(*(self._per_second(name, now, now_millis, span) for span in spans))

    def item(self, stats_name: str, key: str, now_millis: int, seconds: int) -> tuple[int, float]:
        """(sum, per second) of one counter over the last `seconds`, as far as pictures reach."""
        total_name = TOTALS.get(stats_name)
        sample = self._sample_before(now_millis - seconds * 1_000)
        if total_name is not None:
            now, before = self._totals()[total_name], sample[1][total_name] if sample else 0
        else:
            now = self.counters.get(stats_name, {}).get(key, 0)
            before = sample[2][stats_name].get(key, 0) if sample else 0
        return now - before, round((now - before) / seconds, 2)

    def has_item(self, stats_name: str, key: str) -> bool:
        """The totals of the broker stand under its cluster's name, whichever that is."""
        return stats_name in TOTALS or key in self.counters.get(stats_name, {})

    def group_get_tps(self, group: str, topic: str, now_millis: int) -> float:
        return self.item(GROUP_GET_NUMS, f"{topic}@{group}", now_millis, 60)[1]

    def _sample_before(self, millis: int) -> _Sample | None:
        """The newest picture taken at `millis` or before; None: count from zero."""
        for sample in reversed(self._samples):
            if sample[0] <= millis:
                return sample
        return None

    def _per_second(self, name: str, now: int, now_millis: int, seconds: int) -> float:
        sample = self._sample_before(now_millis - seconds * 1_000)
        before = sample[1][name] if sample else 0
        return round((now - before) / seconds, 2)
