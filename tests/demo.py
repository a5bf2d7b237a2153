#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make demo: a Nexudus simulator, nexgate on its embedded store, and a walk through what nexgate does.

Every step says what it asks (paste it into a shell), what came, and fails the demo when that is not what was promised. Afterwards
both keep serving until Ctrl-C; with ONCE=1 the demo ends after the walk.
"""

import os
import pathlib
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "e2e"))
os.environ.setdefault("NEXGATE_BINARY", str(HERE.parent / "build/nexgate"))

from gateway import SEARCH, Gateway  # noqa: E402
from simulator import Simulator, wait_until  # noqa: E402

TTL = 8  # seconds; short, so that the outage outlasts it while you watch
SHOWN = ("Cache-Status", "Age", "ETag", "RateLimit", "Retry-After", "Content-Type")


class Failed(Exception):
    """A step did not show what it should."""


def expect(what, holds):
    print(f"    {'ok ' if holds else 'NOT'} {what}")
    if not holds:
        raise Failed(what)


class Walk:
    def __init__(self, simulator, gateway):
        self.simulator, self.gateway = simulator, gateway
        self.steps = 0
        print("nexgate stands between you and a Nexudus simulator with 1,000 webhooks. To ask along, paste these:\n")
        print("    URL=http://%s:%d%s" % (*gateway.public, SEARCH))
        print(f"    REPORTS={gateway.key_of['reports']}   # the key of a client with 1000 requests a second")
        print(f"    GREEDY={gateway.key_of['greedy']}    # the key of one with 3 a minute")

    def title(self, text):
        self.steps += 1
        print(f"\n{self.steps}. {text}\n")

    def ask(self, query, client="reports", quiet=False):
        if not quiet:
            print(f"""    $ curl -si -H "Authorization: Bearer ${client.upper()}" "$URL?{query}\"""")
        answer = self.gateway.search(query, client)
        if not quiet:
            self.show(answer)
        return answer

    @staticmethod
    def show(answer):
        print(f"    HTTP/1.1 {answer.status} {answer.reason}")
        for name, value in answer.fields.pairs:
            if name in SHOWN:
                print(f"    {name}: {value}")
        body = answer.json()
        if answer.status == 200:
            place = f"page {body['CurrentPage']} of {body['TotalPages']}, {body['TotalItems']} in all"
            print(f"    … {len(body['Records'])} records, {place}")
        else:
            print(f"    … {body['detail']}")

    def calls(self):
        return self.simulator.counters()["searches"]

    def miss_and_hit(self):
        self.title("A search that nobody asked before goes to Nexudus, with nexgate's own login")
        first = self.ask("WebHook_Active=true&size=3")
        expect("forwarded and stored", first.cache_status() == {"fwd": "uri-miss", "fwd-status": 200, "stored": True})
        counters = self.simulator.counters()
        expect("one login and one search at Nexudus", (counters["logins"], counters["searches"]) == (1, 1))

        self.title("The same search, written differently, is answered from memory")
        second = self.ask("size=003&dir=Ascending&webhook_ACTIVE=True&orderBy=id&WebHook_Name=")
        expect("a hit, with the same bytes", second.cache_status().get("hit") is True and second.body == first.body)
        expect("no further call", self.calls() == 1)

    def page_walk(self):
        self.title("A walk through 1,000 records, 25 at a time, costs 5 calls instead of 40")
        before, pages, seen = self.calls(), 0, set()
        while True:
            answer = self.ask(f"size=25&page={pages + 1}", quiet=pages not in (0, 39))
            if answer.status != 200:
                raise Failed(f"page {pages + 1}: {answer.status}")
            pages += 1
            seen |= {record["Id"] for record in answer.json()["Records"]}
            if pages == 1:
                print("      …")
            if not answer.json()["HasNextPage"]:
                break
        expect(f"{pages} pages, {len(seen)} different records, {self.calls() - before} calls",
               (pages, len(seen), self.calls() - before) == (40, 1000, 5))

    def quota(self):
        self.title("A client over its quota is told so, and when to come back")
        answers = [self.ask("size=1", client="greedy", quiet=True) for _ in range(3)]
        expect("its burst of 3 is served", [answer.status for answer in answers] == [200] * 3)
        refused = self.ask("size=1", client="greedy")
        expect("429 with Retry-After", refused.status == 429 and int(refused.fields["Retry-After"]) > 0)
        expect("others are not touched", self.ask("size=1", quiet=True).status == 200)

    def outage(self):
        self.title("Nexudus goes down: what is stored is still served")
        query = "WebHook_Active=true&size=3&page=2"
        before = self.ask(query, quiet=True)
        self.simulator.listen(False)
        print(f"    (the simulator refuses connections now; an answer is fresh for {TTL} seconds, and then)\n")
        answer = before
        while int(answer.fields["Age"]) <= TTL:
            time.sleep(0.5)
            answer = self.ask(query, quiet=True)
            if answer.status != 200:
                raise Failed(f"{answer.status} during the outage")
        self.ask(query)
        status = answer.cache_status()
        expect("the stored answer, stale and marked as such", answer.body == before.body and status["ttl"] < 0
               and status["detail"].startswith("stale-if-error"))
        unknown = self.ask("WebHook_Active=false")
        expect("what was never asked is an honest 503 with Retry-After", unknown.status == 503 and "Retry-After" in unknown.fields)
        self.simulator.listen(True)
        wait_until(lambda: "detail" not in self.ask(query, quiet=True).cache_status(), "fresh answers")
        expect("when Nexudus is back, so are fresh answers", self.ask(query, quiet=True).cache_status()["ttl"] > 0)

    def run(self):
        self.miss_and_hit()
        self.page_walk()
        self.quota()
        self.outage()


def say_where(simulator, gateway):
    admin = "http://%s:%d" % gateway.admin
    print(f"""
Both keep serving; Ctrl-C ends them.

    searches     http://{gateway.public[0]}:{gateway.public[1]}{SEARCH}
    status       {admin}/status
    metrics      {admin}/metrics
    readiness    {admin}/readyz
    simulator    {simulator.control_url}/counters   (what else it can do: {simulator.control_url}/help)
    settings     {gateway.config}
""", flush=True)


def serve_until_interrupted():
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("\nending")


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="nexgate-demo-") as folder:
        simulator = Simulator(records=1000, throttle="10/100ms", username="demo@example.com", password="demo-password")
        settings = {"nexudus.budget": "10/100ms", "cache.ttl": f"{TTL}s", "cache.stale_while_revalidate": "0s"}
        clients = {"reports": {"rate": "1000/s"}, "greedy": {"rate": "3/m", "burst": 3}}
        gateway = Gateway(pathlib.Path(folder), simulator, settings, clients)
        failure = None
        try:
            gateway.start()
            Walk(simulator, gateway).run()
            print("\nAll of it as promised.")
            if os.environ.get("ONCE") != "1":
                say_where(simulator, gateway)
                serve_until_interrupted()
        except Failed as step:
            failure = f"the demo did not show what it should: {step}"
        except KeyboardInterrupt:
            failure = "interrupted"
        finally:
            gateway.close()
            simulator.close()
    if failure:
        print(f"\n{failure}", file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
