# SPDX-License-Identifier: MIT
"""Requests: every spelling of the questions, every directive, and what must be refused. A request knows what may become of it."""

import urllib.parse

from world import QUESTIONS, SIZES

SEARCH = "/api/sys/webhooks"
FAILURES = {502, 503, 504}  # Nexudus is made to fail all the time; how often they come is told in the summary
PARETO = 0.9  # few questions are asked often, all of them now and then
SCOPED = (("WebHook_Business", "102"),)  # what the client "scoped" may search

# Bytes that are no request, each answered 400 and the end of the connection.
MALFORMED = (
    b"GET /healthz HTTP/1.1\nHost: a\n\n",
    b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /healthz#x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"no request at all\r\n\r\n",
)
BAD_QUERIES = ("WebHok_Active=true", "WebHook_Active=maybe", "size=0", "size=1001", "page=1&page=1", "WebHook_Name=%00", "WebHook_Name=%zz",
               "orderBy=Nothing", "from_WebHook_CreatedOn=2023-02-29T00:00", "WebHook_Name=%ff")


class Request:
    __slots__ = ("wire", "method", "target", "statuses", "sent", "closes", "no_cache", "only_if_cached", "max_age", "min_fresh",
                 "max_stale", "may_refresh")

    def __init__(self, wire, statuses, method="GET", target=None):
        self.wire, self.statuses, self.method, self.target = wire, statuses, method, target
        self.sent, self.closes, self.may_refresh = 0.0, False, True
        self.no_cache = self.only_if_cached = False
        self.max_age = self.min_fresh = self.max_stale = None


class Traffic:
    """`keys` is {client: key}: "alpha" and "beta" are free, "slow" has a rate, "scoped" one location."""

    def __init__(self, rng, keys, oracle):
        self.rng, self.keys, self.oracle = rng, keys, oracle
        self.etags = {}  # target: the last one seen
        self.spellings = {}  # target: some of its spellings

    def next(self):
        roll = self.rng.random()
        if roll < 0.93:
            return self.search()
        if roll < 0.96:
            return self._plain(SEARCH + "?" + self.rng.choice(BAD_QUERIES), {400})
        if roll < 0.97:
            return self._plain(SEARCH, {401}, key="nxg_nobody-has-this-key")
        if roll < 0.98:
            return self._plain("/api/sys/nothing", {404})
        if roll < 0.99:
            return self._plain(SEARCH, {405}, method="POST", extra="Content-Length: 3\r\n", body="a=b")
        return self._plain("/healthz", {200})

    def malformed(self):
        request = Request(self.rng.choice(MALFORMED), {400})
        request.closes = True
        return request

    def search(self):
        rng = self.rng
        client = rng.choices(("alpha", "beta", "slow", "scoped"), (45, 40, 5, 10))[0]
        question = int(rng.paretovariate(PARETO)) % len(QUESTIONS)
        if client == "scoped" and SCOPED[0] not in QUESTIONS[question]:
            question = next(n for n in range(question, question + len(QUESTIONS)) if SCOPED[0] in QUESTIONS[n % len(QUESTIONS)]) % len(QUESTIONS)
        size = rng.choice(SIZES)
        pages = -(-self.oracle.world.total(question, self.oracle.world.generation) // size)
        # Mostly the first pages; now and then any, also the one past the end.
        page = int(rng.paretovariate(PARETO)) if rng.random() < 0.8 else rng.randint(1, pages + 1)
        target = question, min(page, pages + 1), size
        statuses = {200} | FAILURES | ({429} if client == "slow" else set())
        method = "HEAD" if rng.random() < 0.02 else "GET"
        fields, directives = "", rng.random()
        request = Request(None, statuses, method, target)
        if directives < 0.015:
            fields, request.no_cache = "Cache-Control: no-cache\r\n", True
        elif directives < 0.03:
            fields, request.max_age = "Cache-Control: max-age=1\r\n", 1
        elif directives < 0.04:
            fields, request.min_fresh = "Cache-Control: min-fresh=2\r\n", 2
        elif directives < 0.06:
            fields, request.max_stale = "Cache-Control: max-stale=2\r\n", 2
        elif directives < 0.08:
            fields, request.only_if_cached = "Cache-Control: only-if-cached\r\n", True
            request.may_refresh = False
        elif directives < 0.085:
            fields, request.may_refresh = "Cache-Control: no-store\r\n", False
        elif directives < 0.25 and target in self.etags:
            fields = f"If-None-Match: {self.etags[target]}\r\n"
            statuses.add(304)
        path = SEARCH + "?" + self._spelling(target, client)
        request.wire = f"{method} {path} HTTP/1.1\r\nHost: a\r\n{self._key(client)}{fields}\r\n".encode()
        return request

    def _plain(self, target, statuses, method="GET", key=None, extra="", body=""):
        credentials = f"X-API-Key: {key}\r\n" if key else self._key("alpha")
        return Request(f"{method} {target} HTTP/1.1\r\nHost: a\r\n{credentials}{extra}\r\n{body}".encode(), statuses)

    def _key(self, client):
        name = "Authorization: Bearer " if self.rng.random() < 0.7 else "X-API-Key: "
        return f"{name}{self.keys[client]}\r\n"

    def _spelling(self, target, client):
        known = self.spellings.setdefault((target, client == "scoped"), [])
        if len(known) < 4:
            known.append(self._spell(target, client == "scoped"))
            return known[-1]
        return self.rng.choice(known)

    def _spell(self, target, scoped):
        rng = self.rng
        question, page, size = target
        pairs = list(QUESTIONS[question]) + [("size", "0" * rng.randint(0, 2) + str(size))]
        if scoped and rng.random() < 0.5:
            pairs.remove(SCOPED[0])  # it is the client's only location
        if page > 1 or rng.random() < 0.3:
            pairs.append(("page", str(page)))
        pairs += rng.sample([("WebHook_Name", ""), ("WebHook_Action", ""), ("UniqueId", "")], rng.randint(0, 2))
        rng.shuffle(pairs)
        return "&".join(f"{self._name(name)}={self._value(name, value)}" for name, value in pairs)

    def _name(self, name):
        return self.rng.choice((name, name.lower(), name.upper(), name.replace("_", "%5F").replace("B", "%42")))

    def _value(self, name, value):
        if value in ("true", "false"):
            return self.rng.choice((value, value.upper(), value.title()))
        if name == "dir":
            return self.rng.choice((value, {"0": "ascending", "1": "DESCENDING"}[value]))
        if name in ("WebHook_LastError", "WebHook_SystemId") and self.rng.random() < 0.5:
            return "".join("%%%02x" % ord(c) for c in value)
        return urllib.parse.quote(value)
