# SPDX-License-Identifier: MIT
"""The vendor's throttle: no more than so many calls in any sliding interval. In real time; any thread."""

import collections
import re
import threading
import time


class Throttle:
    def __init__(self, limit=None):
        self.lock = threading.Lock()
        self.set(limit)

    def set(self, limit):
        """`limit` like "10/100ms" or "3/s"; None: no throttle."""
        self.count, self.interval = _read(limit) if limit else (0, 0.0)
        self._starts = collections.deque()

    def admits(self):
        """True, and the call counts; a refused call does not count."""
        if not self.count:
            return True
        with self.lock:
            now = time.monotonic()
            while self._starts and self._starts[0] <= now - self.interval:
                self._starts.popleft()
            if len(self._starts) >= self.count:
                return False
            self._starts.append(now)
            return True


def _read(limit):
    match = re.fullmatch(r"(\d+)/(\d*)(ms|s|m)", limit)
    if not match:
        raise ValueError(f"not a throttle: {limit} (like 10/100ms)")
    return int(match[1]), int(match[2] or 1) * {"ms": 0.001, "s": 1.0, "m": 60.0}[match[3]]
