# SPDX-License-Identifier: MIT
"""Nexudus as it is seen from outside: the search endpoints and the token endpoint, behind the throttle, with faults put in where
a test asked for them."""

import json
import urllib.parse

from sim import faults, search
from sim.counters import Counters
from sim.entities import ENTITIES, BadValue
from sim.records import Records
from sim.throttle import Throttle
from sim.tokens import Refused, Tokens
from sim.wire import Response

NO_CACHE = [("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("Expires", "-1")]
JSON = ("Content-Type", "application/json; charset=utf-8")
THROTTLED_REASON = "You must wait before accessing this url again."
TOKEN_PATH = "/api/token"


class Nexudus:
    def __init__(self, options):
        self.options = options
        self.entities = {entity.path: entity for entity in ENTITIES}
        self.records = {entity.name: Records(entity.name, options.seed, options.records) for entity in ENTITIES}
        self.tokens = Tokens(options.username, options.password, options.totp_secret, options.expires_in, options.token_mark)
        self.throttle = Throttle(options.throttle)
        self.counters = Counters()
        self.faults = faults.Faults()
        self.size_cap = options.size_cap
        self.extra_members = options.extra_members
        self._found = {}  # (entity, filters, order, direction): (generation, records)

    def handle(self, request):
        kind = "token" if request.path == TOKEN_PATH else "search" if request.path in self.entities else "other"
        with self.counters.call(kind, request) as seen:
            action = self.faults.action(kind, request)
            self.faults.wait(action, "before")
            faults.delay(action)
            response = faults.instead(action) or getattr(self, "answer_" + kind)(request, action)
            self.faults.wait(action, "after")
            seen["status"] = response.status
            response.headers += NO_CACHE
            return faults.bend_delivery(action, response)

    def answer_other(self, request, action):
        return error(404, "nothing is here")

    def answer_token(self, request, action):
        if request.method != "POST":
            return error(405, "POST is expected")
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        form = {}
        if content_type == "application/x-www-form-urlencoded":
            form = dict(urllib.parse.parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            granted = self.tokens.grant(form, request.headers.get("client_id"))
        except Refused as refusal:
            self.counters.count("token_failures")
            code, words = refusal.args
            return Response(400, json.dumps({"error": code, "error_description": words}).encode(), [JSON])
        self.counters.count("logins" if form["grant_type"] == "password" else "refreshes")
        return Response(200, json.dumps(granted).encode(), [JSON])

    def answer_search(self, request, action):
        if request.method != "GET":
            return error(405, "GET is expected")
        if not self.throttle.admits():
            self.counters.count("throttled")
            return Response(409, b"", [("Retry-After", "1")], THROTTLED_REASON)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.tokens.accepts(token):
            self.counters.count("unauthorized")
            return error(401, "the token is not known or has expired", [("WWW-Authenticate", 'Bearer realm="upstream"')])
        entity = self.entities[request.path]
        try:
            question = search.read(entity, request.query)
        except BadValue as bad:
            return error(400, str(bad))
        self.records[entity.name].before_search()
        cap = min(self.size_cap or entity.size_cap, entity.size_cap)
        page = search.Page(question, self._matching(entity, question), cap)
        page.records = faults.bend_records(action, page.records)
        members = page.members()
        if self.extra_members:
            members = search.with_extras(members)
        return Response(200, search.to_bytes(faults.bend_envelope(action, members)), [JSON])

    def _matching(self, entity, question):
        generation, records = self.records[entity.name].all()
        key = (entity.name, question.filters, question.order, question.direction)
        known, found = self._found.get(key, (None, None))
        if known != generation:
            found = search.matching(entity, records, question)
            if len(self._found) > 10_000:
                self._found.clear()
            self._found[key] = (generation, found)
        return found


def error(status, words, headers=()):
    body = json.dumps({"Message": f"{words} ({faults.WORDS})"}).encode()
    return Response(status, body, [JSON, *headers])
