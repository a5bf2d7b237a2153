# SPDX-License-Identifier: MIT
"""Judges answers: is it the page, byte for byte in each record, of a generation that was current when the answer says it was fetched,
and may an answer that old be served to this request?"""

import collections
import re

from envelopes import Envelope
from stage import ALL
from world import World, digest

TTL, SWR, SIE = 3, 4, 20  # seconds; the gateways' settings
CALL_MAX = 4.0  # seconds: the gateways' timeout for a call, and with it between a fetch's start and what Nexudus read for it
CLOCKS = 0.25  # by how much ages may be less than they are: they are told by wall clocks in the shared store
KNOWN_MAX = 300_000

CACHE_STATUS = re.compile(
    r'nexgate(?:; (?P<hit>hit))?(?:; fwd=(?P<fwd>uri-miss|request|stale|miss))?(?:; fwd-status=200)?(?P<stored>; stored)?'
    r'(?P<collapsed>; collapsed)?(?:; ttl=(?P<ttl>-?\d+))?(?:; detail=(?P<detail>"[^"]*"|[a-z-]+))?')


class Oracle:
    def __init__(self, history):
        self.history, self.world = history, World()
        self.known = {}  # (target, ETag): (TotalItems, digest of the page that Nexudus would write, digest of the body)
        self.purges_read = 0
        self.purges = collections.defaultdict(lambda: collections.deque(maxlen=64))  # question: (answered, ordered)
        self.seen = collections.Counter()

    def judge(self, request, head, body, received):
        """None, or what is wrong with a 200 or 304 to a search. `head` is {name: value}, names in lower case; `body` is None where
        there is none."""
        self._read_history()
        match = CACHE_STATUS.fullmatch(head.get("cache-status", ""))
        if match is None or not head.get("age", "").isdigit():
            return "Cache-Status or Age is missing or odd"
        age = int(head["age"])
        wrong = self._judge_words(request, match, age)
        if wrong:
            return wrong
        if received - age + CLOCKS < self._floor(request):
            return "fetched before a purge, as its Age says"
        generations = self._generations(request, head, body)
        if isinstance(generations, str):
            return generations
        least, most = self._span(request, age, received)
        if any(self.history.current(g, least, most) for g in generations):
            return None
        times = [f"{g} (current from {self.history.began[g]:.3f} to {self.history.until(g):.3f})" for g in generations]
        return f"the page of generation {', '.join(times)}"

    def explain(self, request, head, received):
        """What would have been right, for whoever reads the evidence."""
        age = int(head["age"]) if head.get("age", "").isdigit() else 0
        least, most = self._span(request, age, received)
        wanted = [f"Allowed: the page of a generation that was current at some moment from {least:.3f} to {most:.3f}",
                  f"(sent {request.sent:.3f}, read {received:.3f}, Age {age}, a call takes {CALL_MAX} at most;"
                  f" nothing that Nexudus read before {self._floor(request):.3f})"]
        for generation in self.history.currents(least, most):
            total = self.world.total(request.target[0], generation) if generation in self.world.remembered() else "forgotten"
            wanted.append(f"  generation {generation}: from {self.history.began[generation]:.3f}"
                          f" to {self.history.until(generation):.3f}, TotalItems {total}")
        question, *_ = request.target
        wanted += [f"  hard purge of {'everything' if of == ALL else 'this query'}: ordered {ordered:.3f}, confirmed {answered:.3f}"
                   for of in (ALL, question) for answered, ordered in list(self.purges[of])[-3:]]
        return wanted

    def _span(self, request, age, received):
        """Fetched after the first moment, and read by Nexudus before the second."""
        return max(request.sent - age - 1 - CLOCKS, self._floor(request)), min(received, received - age + CALL_MAX)

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
        if request.max_age is not None and age > request.max_age:
            return "older than max-age"
        allowed = self._age_allowed(request, detail)
        return f"older than {allowed} s" if age > allowed else None

    @staticmethod
    def _age_allowed(request, detail):
        allowed = TTL + (request.max_stale or 0)
        # Who wants nothing fetched or stored is served as late as others, but does not cause a refresh.
        if detail == "revalidating" or not request.may_refresh:
            allowed = max(allowed, TTL + SWR)
        if detail and detail != "revalidating":
            allowed = max(allowed, TTL + SIE)
        return allowed

    def _generations(self, request, head, body):
        """Those that the page may be of, or what is wrong with it."""
        etag = head.get("etag")
        if not etag:
            return "no ETag"
        known = self.known.get((request.target, etag))
        if body is None:  # of a 304 or a HEAD
            if known is None:
                return self.world.remembered() if request.method == "HEAD" else "a 304 with an ETag that was never given for it"
            return self._generations_of(request.target, known)
        if int(head["content-length"]) != len(body):
            return "Content-Length is another"
        mark = digest(body)
        if known is None:
            known = self._recognise(request.target, mark, body)
            if isinstance(known, str):
                return known
            if len(self.known) >= KNOWN_MAX:
                self.known.clear()
            self.known[request.target, etag] = known
        elif known[2] != mark:
            return "the same ETag for another page"
        return self._generations_of(request.target, known)

    def _generations_of(self, target, known):
        total, theirs, _ = known
        question, page, size = target
        return [g for g in self.world.candidates(question, total) if self.world.digest(question, g, page, size) == theirs]

    def _recognise(self, target, mark, body):
        """What it is, as `known` has it, or what is wrong with it."""
        question, page, size = target
        at = body.rfind(b'"TotalItems":')
        total = re.match(rb"\d*", body[at + 13:at + 33])[0]
        for generation in self.world.candidates(question, int(total)) if at >= 0 and total else ():
            if self.world.digest(question, generation, page, size) == mark:
                return int(total), mark, mark
        return self._compare(target, mark, body)  # it may be written in another way

    def _compare(self, target, mark, body):
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
                return total, digest(bytes_of_theirs), mark
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
