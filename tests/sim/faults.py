# SPDX-License-Identifier: MIT
"""Faults on demand. A rule says which calls it means and what becomes of them:

    {"kind": "search" | "token", "path": "/api/…", "query": "text in the query",      all given must match; none: every call
     "skip": 2, "count": 3,                                                            let 2 pass, then act on 3; default 0, for ever
     "action": {…}}

An action may hold several of these:

    hold      "before" (the answer is made after the release) or "after"; POST /release lets go
    delay     seconds before the answer
    status, reason, headers, body      this answer instead of the real one (body defaults to words that must not leak)
    html      a status: an HTML page with that status
    envelope  {"TotalItems": "7"}: members of the real envelope replaced; null: left out
    short     so many records fewer than the envelope says
    twice     true: the first record of the page stands there twice, the last is missing
    truncate  the body ends after so many bytes, with a Content-Length that fits: broken JSON on a whole answer
    cut       the connection breaks after so many bytes of the body
    drip      [bytes, seconds] for each piece of the body
    drop      true: the connection breaks without an answer
    gzip, chunked      true: the answer is sent so
    raw       these bytes, as Latin-1, are sent instead of any answer, and the connection ends, unless
    stays     true: it is used on
"""

import threading
import time

from sim.wire import Response

WORDS = "words of the upstream that no client may read"
HTML = f"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>{WORDS}</body></html>"
HOLD_MAX = 300  # seconds after which a forgotten hold ends


class Rule:
    def __init__(self, spec):
        unknown = set(spec) - {"kind", "path", "query", "skip", "count", "action"}
        if unknown or not isinstance(spec.get("action"), dict):
            raise ValueError(f"not a rule: {sorted(unknown) or 'no action'}")
        self.kind, self.path, self.query = spec.get("kind"), spec.get("path"), spec.get("query", "")
        self.skip, self.count = spec.get("skip", 0), spec.get("count")
        self.action = spec["action"]

    def takes(self, kind, request):
        if self.kind not in (None, kind) or self.path not in (None, request.path) or self.query not in request.query:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.count is None:
            return True
        self.count -= 1
        return self.count >= 0


class Faults:
    def __init__(self):
        self._changed = threading.Condition()
        self._rules = []
        self._waiting = []  # the actions that hold somebody now, one for each
        self._passes = 0

    def set(self, specs):
        """These rules instead of the ones before; who is held stays held."""
        with self._changed:
            self._rules = [Rule(spec) for spec in specs]

    def action(self, kind, request):
        """What becomes of this call: the first rule that means it."""
        with self._changed:
            return next((rule.action for rule in self._rules if rule.takes(kind, request)), {})

    def held(self):
        with self._changed:
            return len(self._waiting)

    def release(self, count=None):
        """Lets `count` held calls go; None: all, and ends the holding."""
        with self._changed:
            if count is not None:
                self._passes += min(count, len(self._waiting) - self._passes)
            else:
                holding = [rule.action for rule in self._rules if "hold" in rule.action]
                self._rules = [rule for rule in self._rules if "hold" not in rule.action]
                for action in holding + self._waiting:
                    action["released"] = True
            self._changed.notify_all()

    def wait(self, action, moment):
        if action.get("hold") != moment:
            return
        with self._changed:
            self._waiting.append(action)
            self._changed.wait_for(lambda: self._passes > 0 or action.get("released"), HOLD_MAX)
            self._waiting.remove(action)
            if not action.get("released"):
                self._passes = max(0, self._passes - 1)


def instead(action):
    """The answer that stands for the real one, or None."""
    if "html" in action:
        return Response(action["html"], HTML.encode(), [("Content-Type", "text/html; charset=utf-8")])
    if "status" in action:
        headers = action.get("headers", {"Content-Type": "text/plain"})
        return Response(action["status"], action.get("body", WORDS).encode(), headers.items(), action.get("reason"))
    return None


def bend_envelope(action, members):
    """Lies in a real envelope."""
    changes = action.get("envelope", {})
    return [[name, changes[name].encode() if name in changes else value] for name, value in members
            if changes.get(name, "") is not None]


def bend_records(action, page):
    """Other records than the envelope speaks of."""
    if action.get("short"):
        page = page[:-action["short"]]
    if action.get("twice") and len(page) > 1:
        page = [page[0], *page[:-1]]
    return page


def bend_delivery(action, response):
    if "truncate" in action:
        response.body = response.body[:action["truncate"]]
    response.cut, response.drip = action.get("cut"), action.get("drip")
    response.drop = bool(action.get("drop"))
    response.gzip, response.chunked = bool(action.get("gzip")), bool(action.get("chunked"))
    response.raw = action["raw"].encode("latin-1") if "raw" in action else None
    response.stays = bool(action.get("stays"))
    return response


def delay(action):
    if action.get("delay"):
        time.sleep(action["delay"])
