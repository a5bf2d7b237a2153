# SPDX-License-Identifier: MIT
"""The control path: JSON over HTTP on a port of its own.

    GET  /help       this
    GET  /counters   every call by kind and status, logins, refreshes, the last calls (without secrets), the most in flight
    GET  /held       {"held": n, "in_flight": m}: calls that wait for a release, and calls under way in all
    GET  /tokens     every token ever issued, for those who search for leaks
    GET  /config     what POST /config can change, as it is
    POST /reset      counters, faults, throttle, records and revocations as at the start; tokens stay good
    POST /faults     a list of rules (see faults.py); an empty list ends them
    POST /release    {"count": n}: lets n held calls go; {}: all, and ends the holding
    POST /revoke     {"access": true, "refresh": false}: forgets tokens
    POST /expire     the access tokens issued so far are past their time
    POST /records    {"entity": "webhooks", "count": n} | {"add": n or [{…}], "remove": n or [ids], "update": {id: {…}}}
                     | {"churn": {"add": n, "remove": n}}: so before each search; {"churn": null} ends it
    POST /config     {"throttle": "10/100ms", "size_cap": 0, "expires_in": 3600, "extra_members": true, "clock_offset": 0}
    POST /listen     {"listening": false}: connections are refused and the open ones cut; true: as before
"""

import json

from sim import faults
from sim.wire import Response


class Control:
    def __init__(self, nexudus, server):
        self.nexudus, self.server = nexudus, server

    def handle(self, request):
        if request.path == "/help":
            return Response(200, (__doc__ + "\n" + faults.__doc__).encode(), [("Content-Type", "text/plain; charset=utf-8")])
        name = request.method.lower() + request.path.replace("/", "_")
        action = getattr(self, name, None)
        if action is None:
            return _json(404, {"error": f"no {request.method} {request.path}: see /help"})
        try:
            arguments = json.loads(request.body) if request.body else {}
            return _json(200, action(arguments) or {})
        except (KeyError, TypeError, ValueError) as mistake:
            return _json(400, {"error": f"{type(mistake).__name__}: {mistake}"})

    def get_counters(self, _):
        return self.nexudus.counters.report() | {"held": self.nexudus.faults.held(), "connections": self.server.accepted}

    def get_held(self, _):
        return {"held": self.nexudus.faults.held(), "in_flight": self.nexudus.counters.in_flight()}

    def get_tokens(self, _):
        return {"issued": self.nexudus.tokens.issued}

    def get_config(self, _):
        nexudus = self.nexudus
        return {"size_cap": nexudus.size_cap, "extra_members": nexudus.extra_members,
                "expires_in": nexudus.tokens.expires_in, "clock_offset": nexudus.tokens.clock_offset}

    def post_reset(self, _):
        nexudus, options = self.nexudus, self.nexudus.options
        nexudus.faults.set([])
        nexudus.faults.release()
        nexudus.counters.reset()
        nexudus.throttle.set(options.throttle)
        nexudus.size_cap, nexudus.extra_members = options.size_cap, options.extra_members
        nexudus.tokens.expires_in = options.expires_in
        for records in nexudus.records.values():
            records.reset(options.records)
        self.server.listen()

    def post_faults(self, rules):
        self.nexudus.faults.set(rules)

    def post_release(self, arguments):
        self.nexudus.faults.release(arguments.get("count"))

    def post_revoke(self, arguments):
        self.nexudus.tokens.revoke(arguments.get("access", True), arguments.get("refresh", False))

    def post_expire(self, _):
        self.nexudus.tokens.revoke(access=True, refresh=False)

    def post_records(self, arguments):
        records = self.nexudus.records[arguments.pop("entity", "webhooks")]
        if "count" in arguments:
            records.reset(arguments.pop("count"))
        if "churn" in arguments:
            records.churn = arguments.pop("churn")
        if arguments:
            records.change(**arguments)

    def post_config(self, arguments):
        for name, value in arguments.items():
            if name == "throttle":
                self.nexudus.throttle.set(value)
            elif name in ("size_cap", "extra_members"):
                setattr(self.nexudus, name, value)
            elif name in ("expires_in", "clock_offset"):
                setattr(self.nexudus.tokens, name, value)
            else:
                raise KeyError(name)

    def post_listen(self, arguments):
        self.server.listen() if arguments["listening"] else self.server.refuse()


def _json(status, value):
    return Response(status, json.dumps(value).encode(), [("Content-Type", "application/json")])
