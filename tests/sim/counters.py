# SPDX-License-Identifier: MIT
"""Every call counted, and the last ones remembered, without their secrets. Any thread."""

import collections
import contextlib
import threading
import time

RECENT_MAX = 20_000
SECRET_HEADERS = ("authorization", "cookie")


class Counters:
    def __init__(self):
        self._lock = threading.Lock()
        self.reset()

    def reset(self):
        with self._lock:
            self._calls = collections.defaultdict(collections.Counter)  # kind: {status: calls}
            self._events = collections.Counter()
            self._recent = collections.deque(maxlen=RECENT_MAX)
            self._in_flight = collections.Counter()
            self._most = collections.Counter()

    def count(self, event):
        with self._lock:
            self._events[event] += 1

    @contextlib.contextmanager
    def call(self, kind, request):
        """Counts one call; the body of the `with` puts the status into what it gets."""
        headers = {name: "(hidden)" if name in SECRET_HEADERS else value for name, value in request.headers.items()}
        seen = {"at": time.monotonic(), "kind": kind, "method": request.method, "path": request.path, "query": request.query,
                "headers": headers}
        with self._lock:
            self._in_flight[kind] += 1
            self._most[kind] = max(self._most[kind], self._in_flight[kind])
        try:
            yield seen
        finally:
            with self._lock:
                self._in_flight[kind] -= 1
                self._calls[kind][seen.get("status", 0)] += 1
                self._recent.append(seen)

    def in_flight(self):
        with self._lock:
            return sum(self._in_flight.values())

    def report(self):
        with self._lock:
            return {
                "searches": sum(self._calls["search"].values()),
                "calls": {kind: {str(status): n for status, n in statuses.items()} for kind, statuses in self._calls.items()},
                **{event: self._events[event] for event in ("logins", "refreshes", "token_failures", "throttled", "unauthorized")},
                "in_flight": dict(self._in_flight),
                "in_flight_max": dict(self._most),
                "recent": list(self._recent),
            }
