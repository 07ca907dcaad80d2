"""Limits that one process keeps in memory. Pure: the time is an argument, in seconds of any one clock.

They are per process: with two gateways a client gets at most twice as much, which is enough against
enumeration.
"""

from collections import deque

from services.gateway.recent import KEYS, Recent


class Bucket:
    """A token bucket: `burst` at once, then one every `every` seconds. Small: there is one for each line."""

    __slots__ = ("full_at",)

    def __init__(self) -> None:
        self.full_at = 0.0

    def wait(self, now: float, burst: int, every: float) -> float:
        """Seconds until one may be taken; 0 where that is now."""
        return max(0.0, self.full_at - now - (burst - 1) * every)

    def take(self, now: float, burst: int, every: float) -> float:
        """Takes one and answers 0, or takes none and answers the seconds until there is one."""
        wait = self.wait(now, burst, every)
        if wait == 0.0:
            self.full_at = max(self.full_at, now) + every
        return wait

    def give_back(self, every: float) -> None:
        """Gives one back that was taken: it did not count."""
        self.full_at -= every


class Buckets:
    """A bucket for each key."""

    def __init__(self, burst: int, every: float, keys: int = KEYS) -> None:
        self._burst = burst
        self._every = every
        self._buckets: Recent[Bucket] = Recent(keys=keys)

    def take(self, key: str, now: float) -> float:
        """Takes one and answers 0, or takes none and answers the seconds until there is one."""
        bucket = self._buckets.get(key, now) or Bucket()
        self._buckets.put(key, bucket, now)
        return bucket.take(now, self._burst, self._every)

    def give_back(self, key: str, now: float) -> None:
        """Gives one back that was taken: it did not count."""
        bucket = self._buckets.get(key, now)
        if bucket is not None:
            bucket.give_back(self._every)

    def wait(self, key: str, now: float) -> float:
        """Seconds until one may be taken; takes none."""
        bucket = self._buckets.get(key, now)
        return 0.0 if bucket is None else bucket.wait(now, self._burst, self._every)


class Strikes:
    """Failures per key, counted in a sliding window of `window` seconds."""

    def __init__(self, limit: int, window: float, keys: int = KEYS) -> None:
        self._limit = limit
        self._window = window
        self._times: Recent[deque[float]] = Recent(window, keys)

    def strike(self, key: str, now: float) -> None:
        """Counts a failure."""
        times = self._times.get(key, now) or deque(maxlen=self._limit)
        times.append(now)
        self._times.put(key, times, now)

    def wait(self, key: str, now: float) -> float:
        """Seconds until the next try is welcome; 0 where that is now."""
        times = self._times.get(key, now)
        if times is None or len(times) < self._limit:
            return 0.0
        return max(0.0, times[0] + self._window - now)
