#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two gateways with one Redis and one Nexudus for a long time: usage: soak.py [--time 10m] [--seed N]

Crowds of clients ask everything that can be asked, while Nexudus's data change generation by generation, Nexudus fails in every way, Redis
is stopped, killed and made anew, and purges are ordered. Every answer is judged (oracle.py). At the end, when all clients are gone: what
the clients count, what the gateways count and what Nexudus counts must be the same, and memory, descriptors and open work must be where
they were. Nothing is judged by how fast it was. The last line is "N wrong"; the exit code is 0 when N is 0.
"""

import argparse
import collections
import multiprocessing
import os
import pathlib
import random
import re
import secrets
import signal
import sys
import tempfile
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent)]
os.environ.setdefault("NEXGATE_BINARY", str(HERE.parent.parent / "build/nexgate"))

import oracle  # noqa: E402
from client import Crowd  # noqa: E402
from gateway import Gateway  # noqa: E402
from redis_server import Redis  # noqa: E402
from simulator import Simulator, wait_until  # noqa: E402
from world import QUESTIONS, RECORDS, SEED, change_of  # noqa: E402

CROWDS = 3
WARM = 0.5  # the share of the time after which memory is compared
GROWTH = 0.01  # what it may grow by from then to the end
GROWTH_LEAST = 5 * 60  # seconds below which that is not judged: the store is not warm yet
GROWTH_NEVER = 64 << 20  # bytes that it may never grow by
MEMORY = "8mb"  # for windows: less than all of them need, so that the store is full

OURS = {"Content-Type": "application/json"}
FAULTS = (
    {"status": 500}, {"status": 503}, {"status": 503, "headers": {"Retry-After": "1"}}, {"status": 409, "headers": {"Retry-After": "1"}},
    {"status": 429, "headers": {"Retry-After": "1"}}, {"html": 200}, {"html": 503}, {"status": 200, "body": ""}, {"truncate": 1000},
    {"envelope": {"TotalItems": "3"}}, {"short": 1}, {"twice": True}, {"cut": 1000}, {"drop": True}, {"delay": 0.2}, {"gzip": True},
    {"chunked": True}, {"status": 302, "headers": {"Location": "https://login.example.com/"}}, {"drip": [20_000, 0.01]},
)
# A token that is refused again and again is not renewed at once (docs/upstream.md), and until then nothing is fetched.
LOGINS_EVERY = 310  # seconds
TOKEN_FAULTS = ({"status": 500}, {"drop": True}, {"html": 200})


def seconds(text):
    match = re.fullmatch(r"(\d+)([smh]?)", text)
    if not match:
        raise argparse.ArgumentTypeError("like 20s, 10m, 1h")
    return int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


class Soak:
    def __init__(self, seed):
        self.things = []
        self.rng = random.Random(seed)
        self.history = oracle.History()
        self.done = collections.Counter()  # what the conductor did
        self.problems = []
        self.next_login = 5.0

    def start(self, folder):
        self.simulator = Simulator(records=RECORDS, seed=SEED)
        self.things.append(self.simulator)
        self.redis, self.redis_state = Redis(_folder(folder, "redis")), "up"
        self.things.append(self.redis)
        self.redis.start()
        settings = {
            "server.workers": 2,
            "cache.ttl": f"{oracle.TTL}s", "cache.stale_while_revalidate": f"{oracle.SWR}s", "cache.stale_if_error": f"{oracle.SIE}s",
            "cache.memory": MEMORY, "nexudus.timeout": f"{int(oracle.CALL_MAX)}s", "nexudus.breaker_probe": "100ms",
            "nexudus.retry_after_max": "1s", "redis.url": self.redis.url, "redis.timeout": "100ms", "redis.token_key": secrets.token_hex(32),
        }
        clients = {"slow": {"rate": "50/s", "misses": "100000/day"}, "scoped": {"businesses": "102"}}
        self.gateways, keys = [], {}
        for number in range(2):
            gateway = Gateway(_folder(folder, f"gateway{number}"), self.simulator, settings, clients)
            self.things.append(gateway)
            text = gateway.config.read_text()
            for name, key in keys.items():  # the same keys everywhere
                text = text.replace(_digest_of(gateway, name), _digest_of(self.gateways[0], name))
                gateway.key_of[name] = key
            gateway.config.write_text(text)
            keys = gateway.key_of
            self.gateways.append(gateway.start())
        self.keys = dict(keys)
        wait_until(lambda: all(g.metrics()["nexgate_shared_gateways"] == 2 for g in self.gateways), "the gateways to know each other")
        self.reloads = self.gateways[0].ask_admin("/reload", "POST").status == 200
        self.descriptors = [self._descriptors(gateway) for gateway in self.gateways]
        self.base = [gateway.metrics() for gateway in self.gateways]

    # While it runs.

    def run(self, length):
        stop = multiprocessing.RawValue("b", 0)
        told = multiprocessing.RawArray("q", CROWDS)
        pipes = []
        for number in range(CROWDS):
            ours, theirs = multiprocessing.Pipe()
            crowd = Crowd(number, [gateway.public for gateway in self.gateways], self.keys, self.history, stop, told)
            process = multiprocessing.Process(target=lambda crowd=crowd, pipe=theirs: pipe.send(crowd.run()), daemon=True)
            process.start()
            pipes.append((process, ours))
        self.started = time.monotonic()
        warm = None
        next_time = dict.fromkeys(("generation", "fault", "purge", "redis", "reload"), 0.0)
        while (passed := time.monotonic() - self.started) < length:
            for what, due in next_time.items():
                if passed >= due:
                    next_time[what] = passed + getattr(self, "_do_" + what)(passed)
            if warm is None and passed >= WARM * length:
                warm = [self._memory(gateway) for gateway in self.gateways]
            assert all(process.is_alive() for process, _ in pipes), "a crowd has died"
            time.sleep(0.05)
        self.hot = [self._memory(gateway) for gateway in self.gateways]
        self.warm = warm or self.hot
        self._heal()
        stop.value = 1
        reports = []
        for process, pipe in pipes:
            reports.append(pipe.recv())
            process.join()
        self.took = time.monotonic() - self.started
        return reports

    def _do_generation(self, _):
        generation = self.history.generation.value + 1
        self.history.begin(generation)
        self.simulator.records(**change_of(generation))
        self.history.done(generation)
        self.done["generations"] += 1
        return self.rng.uniform(0.8, 1.6)

    def _do_fault(self, passed):
        if self.rng.random() < 0.5:
            self.simulator.faults()
            return self.rng.uniform(1, 3)
        kind = self.rng.choice(("few", "few", "all"))
        if passed >= self.next_login:
            kind, self.next_login = "login", passed + LOGINS_EVERY
        if kind == "login":
            self.simulator.faults({"kind": "token", "count": 2, "action": self.rng.choice(TOKEN_FAULTS)})
            self.simulator.revoke(access=True, refresh=self.rng.random() < 0.5)
        elif kind == "all":
            self.simulator.faults({"kind": "search", "action": self.rng.choice(FAULTS)})
        else:
            self.simulator.faults(*({"kind": "search", "skip": self.rng.randint(0, 9), "count": self.rng.randint(1, 9), "action": action}
                                    for action in self.rng.sample(FAULTS, 4)))
        self.done["faults"] += 1
        return self.rng.uniform(0.5, 2)

    def _do_purge(self, _):
        question = self.rng.choice((oracle.ALL, oracle.ALL, *range(len(QUESTIONS))))
        what = self.rng.choice(("all=1", "entity=webhooks"))
        if question != oracle.ALL:
            what = "query=" + urllib.parse.quote(urllib.parse.urlencode(QUESTIONS[question]), safe="")
        soft = self.rng.random() < 0.25
        ordered = time.monotonic()
        answer = self.rng.choice(self.gateways).ask_admin(f"/purge?{what}{'&soft=1' if soft else ''}", "POST")
        if answer.status == 200 and not soft:
            self.history.purged(question, ordered)
        elif answer.status not in (200, 202):
            self.problems.append(f"a purge was answered {answer.status}: {answer.body!r}")
        self.done[f"purges answered {answer.status}{' (soft)' if soft else ''}"] += 1
        return self.rng.uniform(0.5, 2.5)

    def _do_redis(self, passed):
        if self.redis_state == "up" and passed > 3:
            self.redis_state = self.rng.choice(("stopped", "killed"))
            self.redis.stop() if self.redis_state == "stopped" else self.redis.kill()
            self.done[f"redis {self.redis_state}"] += 1
            return self.rng.uniform(0.2, 3)
        self._mend_redis()
        return self.rng.uniform(4, 12)

    def _do_reload(self, _):
        if self.reloads:
            self.rng.choice(self.gateways).process.send_signal(signal.SIGHUP)
            self.done["reloads"] += 1
        return self.rng.uniform(3, 8)

    def _mend_redis(self):
        if self.redis_state == "stopped":
            self.redis.go_on()
        elif self.redis_state == "killed":
            self.redis.restart()
        self.redis_state = "up"

    def _heal(self):
        self.simulator.faults()
        self._mend_redis()

    # What is left of it.

    def check_end(self, reports):
        """When all clients are gone."""
        for number, gateway in enumerate(self.gateways):
            def is_idle(gateway=gateway):
                metrics = gateway.metrics()
                return not any(metrics["nexgate_" + name] for name in ("connections", "flights", "upstream_queue"))
            self._expect(is_idle, f"gateway {number}: connections, flights and the queue to be empty")
            self._expect(lambda gateway=gateway, before=self.descriptors[number]: self._descriptors(gateway) <= before,
                         f"gateway {number}: as many descriptors as before ({self.descriptors[number]})")
        self._expect(lambda: not self.simulator.busy(), "Nexudus to have nothing to do")
        metrics = [gateway.metrics() for gateway in self.gateways]
        for number, now in enumerate(metrics):
            self._check_requests(number, now, reports)
        calls = sum(now["nexgate_upstream_searches_total"] for now in metrics)
        seen = self.simulator.counters()["searches"]
        self._check(calls == seen, f"the gateways count {calls} upstream calls, Nexudus {seen}")
        self.calls = calls
        for number, (warm, hot) in enumerate(zip(self.warm, self.hot)):
            grown = hot - warm
            self._check(grown < GROWTH_NEVER, f"gateway {number}: memory grew from {warm} to {hot} bytes")
            if self.took >= GROWTH_LEAST:
                self._check(grown < GROWTH * warm, f"gateway {number}: memory grew by {grown / warm:.2%}, from {warm} to {hot} bytes")

    def _check_requests(self, number, now, reports):
        """What the clients counted, by status; between that and that with what they did not wait for is the gateway's count."""
        counted, unread = collections.Counter(), sum(report["unread"][number] for report in reports)
        for report in reports:
            counted.update(report["answers"][number])
        theirs, outcomes = collections.Counter(), collections.Counter()
        for name, value in now.items():
            if name.startswith("nexgate_requests_total{"):
                theirs[int(re.search(r'status="(\d+)"', name)[1])] += value - self.base[number].get(name, 0)
                outcomes[re.search(r'outcome="(\w+)"', name)[1]] += value - self.base[number].get(name, 0)
        print(f"gateway {number}: {dict(sorted(outcomes.items()))}, by status {dict(sorted(theirs.items()))}, {unread} not waited for")
        more = sum(theirs.values()) - sum(counted.values())
        self._check(0 <= more <= unread, f"gateway {number} counts {more} requests more than were answered; {unread} were not waited for")
        for status in theirs.keys() | counted.keys():
            self._check(0 <= theirs[status] - counted[status] <= unread,
                        f"gateway {number} counts {theirs[status]} answers {status}, its clients {counted[status]}")
        opened = now["nexgate_connections_total"] - self.base[number]["nexgate_connections_total"]
        asked = sum(report["connections"][number] for report in reports)
        self._check(opened == asked, f"gateway {number} counts {opened} connections, its clients {asked}")

    def check_answers(self):
        """Everything is well: every question is answered on every gateway."""
        for gateway in self.gateways:
            for question in QUESTIONS:
                query = urllib.parse.urlencode(question)
                self._expect(lambda gateway=gateway, query=query: gateway.search(query).status == 200, f"an answer to {query!r}")

    def close(self):
        while self.things:
            self.things.pop().close()

    def _expect(self, condition, what):
        try:
            wait_until(condition, what)
        except AssertionError as late:
            self.problems.append(str(late))

    def _check(self, good, words):
        if not good:
            self.problems.append(words)

    def _memory(self, gateway):
        text = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024

    def _descriptors(self, gateway):
        """All but the connections to Nexudus: libcurl keeps as many as were needed at once."""
        folder = pathlib.Path(f"/proc/{gateway.process.pid}/fd")
        port = "%04X" % urllib.parse.urlsplit(self.simulator.url).port
        lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        upstream = {f"socket:[{words[9]}]" for words in lines if words[2].endswith(":" + port)}
        names = []
        for entry in folder.iterdir():
            try:
                names.append(os.readlink(entry))
            except OSError:
                continue  # closed since
        return sum(name not in upstream for name in names)


def _digest_of(gateway, client):
    from gateway import digest
    return digest(gateway.key_of[client])


def _folder(folder, name):
    made = folder / name
    made.mkdir()
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", type=seconds, default="10m")
    parser.add_argument("--seed", type=int, default=None, help="of what is done to the gateways; another one each time if not given")
    options = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}, {options.time} s", flush=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended by a signal"))  # so that nothing is left behind
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(seed)
        try:
            soak.start(pathlib.Path(folder))
            reports = soak.run(options.time)
            soak.check_end(reports)
            soak.check_answers()
        finally:
            soak.close()
    answers, seen = collections.Counter(), collections.Counter()
    for report in reports:
        seen.update(report["seen"])
        for counted in report["answers"]:
            answers.update(counted)
        for evidence in report["wrong"]:
            print("WRONG", evidence, sep="\n")
    for problem in soak.problems:
        print("WRONG", problem)
    total = sum(answers.values())
    print(f"{total} answers judged, {total / soak.took:.0f}/s; by status {dict(sorted(answers.items()))}")
    print(f"searches answered: {dict(seen)}; {sum(report['judged'] for report in reports)} different pages taken apart")
    print(f"done meanwhile: {dict(sorted(soak.done.items()))}; {soak.calls} calls to Nexudus")
    print("memory:", ", ".join(f"gateway {n} {warm >> 10} kB warm, {hot >> 10} kB at the end ({hot / warm - 1:+.2%})"
                               for n, (warm, hot) in enumerate(zip(soak.warm, soak.hot))))
    wrong = sum(report["wrong_count"] for report in reports) + len(soak.problems)
    print(f"{wrong} wrong")
    return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
