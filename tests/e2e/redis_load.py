# SPDX-License-Identifier: MIT
"""Searches without a pause, while something is done to Redis; and whether two gateways are one through it."""

import json
import threading

from simulator import wait_until


def pages(gateway, count=30):
    return [gateway.search(f"page={page + 1}&size=25&WebHook_Name=n{page}") for page in range(count)]


class Load:
    """Searches without a pause, and every answer that was not what it must be."""

    def __init__(self, gateway):
        self.wrong, self.right = [], 0
        self._gateway, self._stop = gateway, threading.Event()
        self._expected = [answer.body for answer in pages(gateway)]
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._stop.is_set():
            for answer, expected in zip(pages(self._gateway), self._expected):
                if answer.status == 200 and answer.body == expected:
                    self.right += 1
                else:
                    self.wrong.append((answer.status, answer.body[:200]))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def wait_more(self, count=60):
        goal = self.right + count
        wait_until(lambda: self.right >= goal or self.wrong, "more answers")

    def reaches_redis(self):
        """No search of the next ones fails to reach Redis."""
        def failures():
            found = self._gateway.metrics()
            return [found[f'nexgate_redis_failures_total{{reason="{reason}"}}'] for reason in ("away", "timeout", "error")]
        before = failures()
        self.wait_more()
        return failures() == before


def check_together(one, other, query):
    """What one fetched is the other's hit, and what one purged the other does not serve."""
    simulator = one.simulator
    assert one.search(query).status == 200

    def is_a_hit():
        answer = other.search(query)
        assert answer.status == 200
        return "hit" in answer.fields["Cache-Status"]
    wait_until(is_a_hit, "the window to be shared")
    before = json.loads(other.search(query).body)["TotalItems"]
    simulator.records(add=1)

    def purged():
        return one.ask_admin("/purge?all=1", "POST").status == 200
    wait_until(purged, "a purge that all confirm")
    assert json.loads(other.search(query).body)["TotalItems"] == before + 1
