# SPDX-License-Identifier: MIT
"""Judges answers: is it the page, byte for byte in each record, of a generation that was current when the answer says it was fetched,
and may an answer that old be served to this request?

What is shared between the processes: when each generation began to be made and was made (so that it was current at most from the first
to the second of its successor), and the purges that were confirmed. Seconds of CLOCK_MONOTONIC, which all processes share.
"""

import collections
import hashlib
import multiprocessing
import re
import time

from envelopes import Envelope
from world import World

TTL, SWR, SIE = 3, 4, 20  # seconds; the gateways' settings
CALL_MAX = 10.0  # seconds: the gateways' timeout for a call, and with it between a fetch's start and what Nexudus read for it
CLOCKS = 0.25  # by how much ages may be less than they are: they are told by wall clocks in the shared store
GENERATIONS_MAX, PURGES_MAX = 100_000, 100_000
ALL = -1  # a purge of everything

CACHE_STATUS = re.compile(
    r'nexgate(?:; (?P<hit>hit))?(?:; fwd=(?P<fwd>uri-miss|request|stale|miss))?(?:; fwd-status=200)?(?P<stored>; stored)?'
    r'(?P<collapsed>; collapsed)?(?:; ttl=(?P<ttl>-?\d+))?(?:; detail=(?P<detail>"[^"]*"|[a-z-]+))?')


class History:
    """Written by the conductor alone, read by all."""

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


class Oracle:
    def __init__(self, history):
        self.history, self.world = history, World()
        self.known = {}  # (target, digest of the body): the total, and the digest of the page as Nexudus would write it
        self.found = {}  # the same: the generations with that page, and when that was looked up
        self.etags = {}  # (target, ETag): digest of the body
        self.purges_read = 0
        self.purges = collections.defaultdict(lambda: collections.deque(maxlen=64))  # question: (answered, ordered)
        self.seen = collections.Counter()

    def judge(self, request, head, body, received):
        """None, or what is wrong with a 200 or 304 to a search. `head` is {name: value}, names in lower case."""
        self._read_history()
        match = CACHE_STATUS.fullmatch(head.get("cache-status", ""))
        if match is None or not head.get("age", "").isdigit():
            return "Cache-Status or Age is missing or odd"
        age = int(head["age"])
        wrong = self._judge_words(request, match, age)
        if wrong:
            return wrong
        generations = self._generations(request, head, body)
        if isinstance(generations, str):
            return generations
        # Fetched after the first, and read by Nexudus before the second.
        least = max(request.sent - age - 1 - CLOCKS, self._floor(request))
        most = min(received, received - age + CALL_MAX)
        if not any(self.history.current(g, least, most) for g in generations):
            times = [(g, round(self.history.began[g], 3), round(self.history.made[g + 1], 3)) for g in generations]
            return f"of no generation that was current from {least:.3f} to {most:.3f}: (generation, from, to) {times}"
        return None

    def _judge_words(self, request, match, age):
        """Whether this request may be answered so."""
        hit, fwd, detail = match["hit"], match["fwd"], match["detail"]
        if bool(hit) == bool(fwd) or (hit and match["ttl"] is None):
            return "neither a hit nor forwarded"
        self.seen["stale" if detail else "hit" if hit else "collapsed" if match["collapsed"] else fwd] += 1
        if request.no_cache and hit:
            return "a hit for no-cache"
        if request.only_if_cached and fwd:
            return "forwarded in spite of only-if-cached"
        if not hit:
            return None
        ttl = int(match["ttl"])
        if ttl + age > TTL:
            return "ttl and Age are more than the lifetime"
        if request.min_fresh and ttl < request.min_fresh:
            return "less fresh than min-fresh"
        if request.max_age is not None and age > request.max_age and detail is None:
            return "older than max-age"
        allowed = TTL + (request.max_stale or 0)
        if detail == "revalidating" or not request.may_refresh:  # served so late too, but nothing is revalidated
            allowed = max(allowed, TTL + SWR)
        if detail and detail != "revalidating":
            allowed = max(allowed, TTL + SIE)
        return f"older than {allowed} s" if age > allowed else None

    def _generations(self, request, head, body):
        """Those that the page may be of, or what is wrong with it."""
        etag = head.get("etag")
        if not etag:
            return "no ETag"
        if body is None:  # of a 304 or a HEAD
            known = self.etags.get((request.target, etag))
            if known is not None:
                return self._generations_of(request.target, known)
            return self.world.remembered() if request.method == "HEAD" else "a 304 with an ETag that was never given for it"
        digest = _digest(body)
        if self.etags.setdefault((request.target, etag), digest) != digest:
            return "the same ETag for another page"
        return self._generations_of(request.target, digest) or self._compare(request.target, digest, body)

    def _generations_of(self, target, digest):
        """From what was compared before; None when it was not."""
        if (target, digest) not in self.known:
            return None
        total, theirs = self.known[target, digest]
        at, found = self.found.get((target, digest), (-1, None))
        if at != self.world.generation:
            question, page, size = target
            found = [generation for generation in self.world.candidates(question, total)
                     if _digest(self.world.page(question, generation, page, size)) == theirs]
            self.found[target, digest] = self.world.generation, found
        return found

    def _compare(self, target, digest, body):
        try:
            ours = Envelope(body)
            total = ours.member("TotalItems")
        except (AssertionError, ValueError) as odd:
            return f"no envelope: {odd}"
        question, page, size = target
        for generation in self.world.candidates(question, total):
            bytes_of_theirs = self.world.page(question, generation, page, size)
            theirs = Envelope(bytes_of_theirs)
            if ours.records == theirs.records and dict(ours.others()) == dict(theirs.others()):
                self.known[target, digest] = total, _digest(bytes_of_theirs)
                return self._generations_of(target, digest)
        return f"the page of no generation (TotalItems {total})"

    def _floor(self, request):
        """Nothing that Nexudus read before this moment may be served."""
        floor = request.sent if request.no_cache else 0
        for question in (ALL, request.target[0]):
            for answered, ordered in reversed(self.purges[question]):
                if answered <= request.sent:
                    floor = max(floor, ordered)
                    break
        return floor

    def _read_history(self):
        history = self.history
        if self.world.generation < history.generation.value:
            self.world.advance(history.generation.value)
        while self.purges_read < history.purge_count.value:
            question, ordered, answered = history.purges[3 * self.purges_read:3 * self.purges_read + 3]
            self.purges[int(question)].append((answered, ordered))
            self.purges_read += 1


def _digest(body):
    return hashlib.blake2b(body, digest_size=16).digest()
