# SPDX-License-Identifier: MIT
"""What the processes of a soak share: where the gateways are, whether to go on, and what was done to Nexudus's data, with the moments.

Written by the conductor alone, read by all. Moments are seconds of CLOCK_MONOTONIC, which all processes share.
"""

import multiprocessing
import time

GENERATIONS_MAX, PURGES_MAX = 100_000, 100_000
ALL = -1  # a purge of everything


class Stage:
    def __init__(self, gateways, crowds):
        self.stop = multiprocessing.RawValue("b", 0)
        self.rest = multiprocessing.RawValue("b", 0)  # everybody leaves, and nobody comes
        self.told = multiprocessing.RawArray("q", crowds)  # answers so far, by crowd; written by the crowds
        self._ports = multiprocessing.RawArray("q", gateways)
        self._drains = multiprocessing.RawArray("d", [0.0] * gateways)

    def serves(self, gateway, address):
        self._ports[gateway] = address[1]

    def drains(self, gateway):
        """From now on it takes no connection, and may end those that it has."""
        self._drains[gateway] = time.monotonic()
        self._ports[gateway] = 0

    def address(self, gateway):
        """None: it takes no connection now."""
        port = self._ports[gateway]
        return ("127.0.0.1", port) if port else None

    def drained_at(self, gateway):
        """When its last drain began; 0: none did."""
        return self._drains[gateway]


class History:
    """When each generation of the data began to be made and was made, so that it was current at most from the first to the second of
    its successor; and the purges that were confirmed."""

    def __init__(self):
        self.began = multiprocessing.RawArray("d", GENERATIONS_MAX)
        self.made = multiprocessing.RawArray("d", GENERATIONS_MAX)
        self.generation = multiprocessing.RawValue("q", 0)  # being made, or made
        self.purges = multiprocessing.RawArray("d", PURGES_MAX * 3)  # question, ordered, answered
        self.purge_count = multiprocessing.RawValue("q", 0)

    def begin(self, generation):
        self.began[generation], self.made[generation] = time.monotonic(), float("inf")
        self.generation.value = generation

    def done(self, generation):
        self.made[generation] = time.monotonic()

    def purged(self, question, ordered):
        at = self.purge_count.value
        self.purges[3 * at:3 * at + 3] = [question, ordered, time.monotonic()]
        self.purge_count.value = at + 1

    def current(self, generation, start, end):
        """Whether the generation may have been current at some moment from start to end."""
        if self.began[generation] > end:
            return False
        return generation >= self.generation.value or self.made[generation + 1] >= start

    def until(self, generation):
        """The last moment at which it may have been current."""
        return self.made[generation + 1] if generation < self.generation.value else float("inf")

    def currents(self, start, end):
        """All that may have been current from start to end, the newest first; of those that were not forgotten, at most 100."""
        newest = self.generation.value
        return [g for g in range(newest, max(newest - 100, -1), -1) if self.current(g, start, end)]
