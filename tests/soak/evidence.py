# SPDX-License-Identifier: MIT
"""What is found wrong, each with all that is needed to judge it again: the request, the answer with its body, and what was allowed."""

import collections
import os
import time

FILES_MAX = 500  # of one process; all are counted


class Evidence:
    """`folder` gets a file (and the body beside it) for each; `name` tells this process's from others'."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.kinds = collections.Counter()
        self.files = []

    @property
    def count(self):
        return sum(self.kinds.values())

    def keep(self, kind, lines, wire=b"", head=b"", body=b""):
        self.kinds[kind] += 1
        if len(self.files) >= FILES_MAX:
            return
        path = self.folder / f"{self.name}-{self.count:03}.txt"
        path.write_text("\n".join([kind, *lines, f"Noticed at {time.monotonic():.3f}.", "", "--- request", _shown(wire), "--- answer",
                                   head.decode("latin-1"), ""]))
        if body:
            path.with_suffix(".body").write_bytes(body)
        self.files.append(os.path.relpath(path))


def _shown(wire):
    """Without the key."""
    lines = wire.decode("latin-1").split("\r\n")
    return "\n".join(line for line in lines if not line.startswith(("Authorization", "X-API-Key")))
